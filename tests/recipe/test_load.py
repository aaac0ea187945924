"""Recipes come from layers, and every fault of a page is said at once."""

import re
from pathlib import Path

import numpy as np
import pytest

from imagette.core.errors import InputError
from imagette.recipe.load import parse, resolve, shipped
from imagette.recipe.models import CNN
from imagette.recipe.schema import Data, Recipe
from imagette.recipe.show import to_toml


def page(folder: Path, name: str, text: str) -> str:
    file = folder / f"{name}.toml"
    file.write_text(text)
    return str(file)


def faults(target: str, *overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        resolve(target, overrides)
    return str(caught.value)


def test_a_value_comes_from_the_last_layer_that_names_it_and_says_which(tmp_path: Path) -> None:
    page(tmp_path, "ground", 'data.name = "digits"\n[train]\nepochs = 3\nbatch_size = 32\nseed = 5')
    top = page(tmp_path, "top", 'base = "ground.toml"\n[train]\nepochs = 4\nseed = 6')

    resolved = resolve(top, ["train.seed=7"])

    train = resolved.recipe.train
    assert (train.batch_size, train.epochs, train.seed) == (32, 4, 7)
    assert resolved.origins["train.batch_size"] == "base ground.toml"
    assert resolved.origins["train.epochs"] == "top.toml"
    assert resolved.origins["train.seed"] == "command line"
    assert "train.shuffle" not in resolved.origins
    assert train.shuffle is True


def test_a_base_can_be_a_shipped_recipe_but_has_no_base_itself(tmp_path: Path) -> None:
    first = page(tmp_path, "first", 'base = "digits"\nname = "mine"')
    assert resolve(first).recipe.replace(name="digits") == Recipe.load("digits")
    second = page(tmp_path, "second", 'base = "first.toml"')
    assert "one level only" in faults(second)
    assert "did you mean 'digits'?" in faults(page(tmp_path, "third", 'base = "digit"'))
    assert "base = 3 is not a name" in faults(page(tmp_path, "fourth", "base = 3"))


def test_all_faults_are_said_at_once_with_key_origin_value_and_the_nearest_name() -> None:
    said = faults(
        "digits",
        "optim.lrr=0.02",
        "train.epochs=-1",
        "model.name=lennet",
        "modl.name=cnn",
        "augment.flip=randm",
        "data.limit=many",
        "schedule=cosine",
        "train.threads=true",
        "optim.lr=inf",
        "evaluate=3",
    )
    assert said.startswith("the recipe has 10 faults:")
    for fault in (
        "optim.lrr (command line): unknown key; did you mean 'lr'? Available: betas, ",
        "train.epochs (command line): received -1; input should be greater than or equal to 1",
        "model.name: unknown model 'lennet'; did you mean 'lenet'? Available: alexnet, ",
        "modl: unknown key; did you mean 'model'? Available: about, augment, ",
        "augment.flip (command line): received 'randm'; did you mean 'random'? Available: alternating, none, random",
        "data.limit (command line): received 'many'; input should be a valid integer",
        "schedule (command line): received 'cosine'; schedule is a section: write schedule.name=cosine",
        "train.threads (command line): received True; input should be a valid integer",
        "optim.lr (command line): received inf; input should be a finite number",
        "evaluate (command line): received 3; evaluate is a section: write evaluate.key=value",
    ):
        assert fault in said


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["data.name="], "give either name"),
        (["data.validation=0"], "train.monitor = 'val_accuracy' needs validation images"),
        (["data.validation=0", "train.keep=last", "schedule.name=plateau"], "schedule.monitor = 'val_accuracy' needs"),
        (["data.validation=0", "train.keep=last", "train.early_stop=3"], "or train.monitor = 'train_loss'"),
        (["train.device=cuda:01"], "train.device (command line): received 'cuda:01'"),
        (["train.threads=3000000000"], "train.threads (command line): received 3000000000"),
        (["train.batch_size=9999999999999999999"], "train.batch_size (command line): received"),
        (["evaluate.confidence=0.9999999999999999"], "evaluate.confidence (command line): received"),
        (["evaluate.bins=1000000000000"], "evaluate.bins (command line): received"),
        (["augment.brightness=1e39", "optim.eps=1e-320"], "the recipe has 2 faults"),
        (["optim.name=sgd", "optim.nesterov=true", "optim.momentum=0"], "nesterov = true needs momentum > 0"),
        (["schedule.name=onecycle", "schedule.warmup=1"], "onecycle climbs by itself"),
        (["schedule.name=plateau", "schedule.restarts=[3]"], "plateau follows a figure, not the clock"),
        (["schedule.name=multistep", "schedule.milestones=[8, 3]"], "milestones must be ascending"),
        (["schedule.restarts=[3, 3]"], "restarts must be ascending"),
        (["augment.mixup=0.2", "augment.cutmix=1.0"], "mixup and cutmix exclude each other"),
        (["base=mnist"], "only a recipe file can have a base"),
        (["optim.lr"], "'optim.lr' is not an assignment"),
        (["=3"], "'=3' is not an assignment"),
        (["model.name=speednet", "model.stride=3"], "model.stride (command line): received 3; Available: 1, 2"),
        (["name=../elsewhere"], "name (command line): received '../elsewhere'"),
    ],
)
def test_what_contradicts_itself_is_refused(overrides: list[str], fault: str) -> None:
    assert fault in faults("digits", *overrides)


def test_a_missing_or_broken_page_is_named(tmp_path: Path) -> None:
    assert "no recipe file at 'nowhere.toml'" in faults("nowhere.toml")
    for path in ("no/where", "nowhere.npz"):
        assert f"no file or folder '{path}'\n  hint: imagette recipes list" in faults(path)
    assert "did you mean 'fashion-mnist'" in faults("fashion-mnits")
    with pytest.raises(InputError, match=r"(?s)'digits-best' does not come in .*it is 'digits' in strength 'best'"):
        resolve("digits-best", strength="balanced")
    assert "did you mean 'digits'?" in faults("digit")
    assert "broken.toml: not valid TOML" in faults(page(tmp_path, "broken", "[data\n"))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "binary.toml: cannot be read" in faults(str(binary))
    assert "data: is missing" in faults(page(tmp_path, "empty", ""))


def test_naming_another_component_starts_from_its_own_defaults(tmp_path: Path) -> None:
    text = 'data.name = "digits"\n[optim]\nname = "sgd"\nmomentum = 0.5\nlr = 0.3'
    resolved = resolve(page(tmp_path, "sgd", text), ["optim.name=adam", "optim.eps=1e-6"])
    assert resolved.recipe.optim.model_dump() == Recipe(data=Data(name="digits")).optim.model_dump() | {"eps": 1e-6}
    assert "optim.lr" not in resolved.origins


def test_naming_the_component_that_is_there_keeps_its_values(tmp_path: Path) -> None:
    own = page(tmp_path, "own", 'data.name = "digits"\nmodel.hidden = 64\noptim.lr = 0.05')
    recipe = Recipe.load(own, ["model.name=cnn", "optim.name=adam"])
    assert (recipe.model.model_dump()["hidden"], recipe.optim.lr) == (64, 0.05)


def test_a_folder_called_images_is_a_path_to_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Recipe.load("images").data.path == "."
    (tmp_path / "images").mkdir()
    recipe = Recipe.load("images", strength="best")
    assert (Path(recipe.data.path), recipe.name) == (Path("images"), "images")


def test_a_path_to_images_takes_the_recipe_for_own_images_and_a_name_from_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "my cats & dogs.v2"
    folder.mkdir()
    resolved = resolve(str(folder), ["data.size=28"])
    assert resolved.recipe.data.path == str(folder)
    assert resolved.recipe.name == "my-cats---dogs"
    assert resolved.recipe.data.size == 28
    assert resolved.recipe.train == Recipe.load("images").train


def test_naming_another_source_replaces_the_recipes_own(tmp_path: Path) -> None:
    recipe = resolve("mnist", [f"data.path={tmp_path}"]).recipe
    assert (recipe.data.name, recipe.data.path) == ("", str(tmp_path))
    assert resolve("images", ["data.name=digits"]).recipe.data.path == ""


def test_values_are_toml_or_bare_words() -> None:
    recipe = Recipe.load("digits", ["model.widths=[8, 16]", "train.compile=off", 'about="a = b"', "augment.mixup=1"])
    assert recipe.model.model_dump()["widths"] == (8, 16)
    assert recipe.train.compile == "off"
    assert recipe.about == "a = b"
    assert recipe.augment.mixup == 1.0
    assert Recipe.load("images", ["data.path=2024-01-01"]).data.path == "2024-01-01"
    assert "received '0.02\\noptim.x=3'" in faults("digits", "optim.lr=0.02\noptim.x=3")


def test_numbers_of_numpy_are_numbers() -> None:
    values = {"train.epochs": np.int64(3), "optim.lr": np.float32(0.5), "model.widths": [8, 16]}
    recipe = Recipe.load("digits").replace(**values, **{"train.shuffle": np.bool_(False)})
    assert recipe.train.shuffle is False
    assert (recipe.train.epochs, recipe.optim.lr) == (3, 0.5)
    assert (type(recipe.train.epochs), type(recipe.optim.lr)) == (int, float)


def test_a_page_may_begin_with_a_mark_of_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbfbase = "digits"\n')
    assert Recipe.load(str(tmp_path / "a.toml")).data.name == "digits"


def test_names_and_paths_may_be_numbers() -> None:
    recipe = Recipe.load("images", ["data.path=inf", "data.test_path=2024", "name=2025", "about=1.50"])
    assert (recipe.data.path, recipe.data.test_path, recipe.name, recipe.about) == ("inf", "2024", "2025", "1.50")


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["model=lenet", "model.dropout=0.2"], "write model.name=lenet"),
        (["about=caf\udce9"], "is not text in UTF-8"),
        (["train.epochs=" + "9" * 5000], "train.epochs"),
        (["train.epochs=" + "9" * 400], "train.epochs"),
        (["schedule.name=plateau", "schedule.restart_factor=0.5"], "restart_factor must stay unset"),
        (["model.name=resnet", "model.width=1", "train.keep_hardest=0.5"], "as narrow as can be"),
    ],
)
def test_what_had_been_taken_wrongly(overrides: list[str], fault: str) -> None:
    with pytest.raises(InputError, match=re.escape(fault)):
        Recipe.load("digits", overrides)


def test_a_section_and_a_key_of_it_may_both_be_set() -> None:
    train = Recipe.load("digits", ["train.seed=4", "train={epochs=3}"]).train
    assert (train.seed, train.epochs) == (4, 3)


def test_one_text_is_no_list_of_overrides() -> None:
    with pytest.raises(InputError, match=r"overrides is one text, 'train.epochs=3'"):
        Recipe.load("digits", "train.epochs=3")


def test_a_section_adds_to_the_keys_beside_it() -> None:
    changed = {"train.seed": 5, "train": {"epochs": 3}, "train.batch_size": 7}
    train = Recipe.load("digits").replace(**changed).train
    assert (train.seed, train.epochs, train.batch_size) == (5, 3, 7)
    assert changed["train"] == {"epochs": 3}


def test_replace_checks_as_a_page_is_checked() -> None:
    recipe = Recipe.load("digits")
    changed = recipe.replace(**{"model.name": "lenet", "model.padding": 2, "train.epochs": 3})
    assert (changed.model.name, changed.train.epochs, recipe.train.epochs) == (
        "lenet",
        3,
        Recipe.load("digits").train.epochs,
    )
    with pytest.raises(InputError, match="2 faults"):
        recipe.replace(**{"train.epochs": 0, "optim.rate": 1})


@pytest.mark.parametrize("name", sorted(shipped()))
def test_a_recipe_survives_json(name: str) -> None:
    recipe = Recipe.load(name)
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


def test_a_recipe_cannot_be_changed_in_place() -> None:
    recipe = Recipe.load("digits")
    with pytest.raises(ValueError, match="frozen"):
        recipe.train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_recipe_survives_being_written_and_read(name: str) -> None:
    recipe = Recipe.load(name)
    assert parse(to_toml(recipe), "page") == recipe
    assert recipe.name == name
    assert recipe.about


def test_the_catalog_and_own_images_have_a_recipe_each() -> None:
    from imagette.data.catalog import CATALOG

    assert {*CATALOG, "images"} <= set(shipped())
    for name, entry in CATALOG.items():
        recipe = Recipe.load(name)
        assert recipe.data.name == name
        if not entry.mirror_keeps_class:
            assert recipe.augment.flip == "none"


@pytest.mark.parametrize(
    ("key", "home"), [("epochs", "train.epochs"), ("lr", "optim.lr"), ("widths", "model.widths"), ("path", "data.path")]
)
def test_a_key_without_its_section_is_told_where_it_belongs(key: str, home: str) -> None:
    with pytest.raises(InputError, match=rf"{key} \(command line\): unknown key; did you mean {home}\?"):
        Recipe.load("digits", [f"{key}=2"])


@pytest.mark.parametrize("written", ["thigns", "Things", "./thing/"])
def test_a_mistyped_path_is_answered_with_what_lies_there(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "things").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"did you mean '(\./)?things'\?"):
        Recipe.load(written)


def test_a_recipes_name_is_found_in_other_letters() -> None:
    with pytest.raises(InputError, match="did you mean 'fashion-mnist'"):
        Recipe.load("Fashion-MNIST")


def test_a_folders_name_keeps_the_letters_of_every_script(tmp_path: Path) -> None:
    (tmp_path / "手写 字").mkdir()
    assert Recipe.load(str(tmp_path / "手写 字")).name == "手写-字"
    (tmp_path / "Mu\u0308ller").mkdir()  # as some systems write Müller
    assert Recipe.load(str(tmp_path / "Mu\u0308ller")).name == "Müller"
    (tmp_path / "二〇二四").mkdir()
    assert Recipe.load(str(tmp_path / "二〇二四")).name == "二〇二四"
    (tmp_path / "flats-80m²").mkdir()  # no letter
    assert Recipe.load(str(tmp_path / "flats-80m²")).name == "flats-80m"
    (tmp_path / "हिन्दी").mkdir()
    assert Recipe.load(str(tmp_path / "हिन्दी")).name == "हिन्दी"


def test_a_section_given_as_an_object_and_a_value_of_it_both_count() -> None:
    recipe = Recipe.load("digits")
    changed = recipe.replace(**{"model": CNN(), "model.hidden": 7, "data": Data(name="mnist"), "data.limit": 9})
    assert (changed.model.hidden, changed.data.name, changed.data.limit) == (7, "mnist", 9)


def test_what_cannot_be_compiled_is_said() -> None:
    assert "brings a gradient of its own" in faults("digits", "model.name=linear-by-hand", "train.compile=on")
