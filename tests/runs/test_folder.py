"""The run folder: numbered, never overwritten, one process at a time, refused when newer."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagette.core.errors import EnvironmentFault, InputError
from imagette.recipe.schema import Recipe
from imagette.runs.folder import RunFolder, check_writable, run_paths


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.load("digits")


def test_folders_are_numbered_and_none_is_taken_twice(tmp_path: Path, recipe: Recipe) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: RunFolder.create(tmp_path, recipe, {}).path.name, range(16)))
    assert sorted(made) == sorted(f"digits-{n}" for n in range(1, 17))


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "not mounted")
    for root in (tmp_path / "runs", tmp_path / "runs" / "deeper"):
        with pytest.raises(EnvironmentFault, match="cannot be written"):
            check_writable(root)
        with pytest.raises(EnvironmentFault, match="cannot be written"):
            RunFolder.create(root, recipe, {})


@pytest.mark.parametrize("value", ["3", None, [1]])
def test_a_page_of_other_types_is_damaged(tmp_path: Path, recipe: Recipe, value: object) -> None:
    made = RunFolder.create(tmp_path, recipe, {}).path
    status = json.loads((made / "status.json").read_text())
    (made / "status.json").write_text(json.dumps(status | {"epoch": value}))
    with pytest.raises(InputError, match=r"(?s)status\.json.*epoch"):
        RunFolder(made)


def test_the_probe_of_a_folder_meets_no_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check_writable, [tmp_path] * 800))
    assert list(tmp_path.iterdir()) == []


def test_numbers_go_on_behind_the_highest(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "digits-41").mkdir()
    assert RunFolder.create(tmp_path, recipe, {}).path.name == "digits-42"


def test_runs_are_listed_by_number(tmp_path: Path, recipe: Recipe) -> None:
    for _ in range(11):
        RunFolder.create(tmp_path, recipe, {})
    assert [path.name for path in run_paths(tmp_path)][-2:] == ["digits-10", "digits-11"]


def test_the_recipe_comes_back_whole(tmp_path: Path, recipe: Recipe) -> None:
    changed = recipe.replace(**{"optim.lr": 0.0123456789012345})
    assert RunFolder.create(tmp_path, changed, {}).recipe() == changed


def test_a_folder_with_a_strange_number_is_no_obstacle(tmp_path: Path, recipe: Recipe) -> None:
    (tmp_path / "digits-²").mkdir()
    assert RunFolder.create(tmp_path, recipe, {}).path.name == "digits-1"


def test_a_wrong_path_names_the_nearest_run(tmp_path: Path, recipe: Recipe) -> None:
    RunFolder.create(tmp_path, recipe, {})
    with pytest.raises(InputError, match="did you mean 'digits-1'"):
        RunFolder(tmp_path / "digit-1")


def test_a_newer_run_is_refused_with_the_way_out(tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder.create(tmp_path, recipe, {})
    status = json.loads((folder.path / "status.json").read_text())
    (folder.path / "status.json").write_text(json.dumps(status | {"format": 2}))
    with pytest.raises(InputError, match=r"(?s)format 2.*upgrade"):
        RunFolder(folder.path)


def test_a_second_process_is_refused_and_told_the_owner(tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder.create(tmp_path, recipe, {})
    code = (
        "import sys; from pathlib import Path; from imagette.core.locks import exclusive\n"
        "with exclusive(Path(sys.argv[1]) / '.lock', 'x', 0): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {owner.pid}"), folder.lock():
            pass
        owner.kill()
        owner.wait()
        with folder.lock():  # its owner is dead
            pass


def test_a_process_that_only_looks_whether_a_run_is_held_is_no_reason_to_refuse(tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder.create(tmp_path, recipe, {})
    with folder.lock():
        pass
    with (folder.path / ".lock").open("rb") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        threading.Timer(0.05, fcntl.flock, (looked_at, fcntl.LOCK_UN)).start()
        with folder.lock():
            assert folder.is_held()


def test_a_file_in_the_way_is_said_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(EnvironmentFault, match="cannot be written"):
        check_writable(tmp_path / "runs")


def test_a_damaged_page_is_an_input_error(tmp_path: Path, recipe: Recipe) -> None:
    folder = RunFolder.create(tmp_path, recipe, {})
    for page in ("model.json", "summary.json", "environment.json", "status.json"):
        (folder.path / page).write_text('{"format": 1, "threads": 0}')
        with pytest.raises(InputError, match=r"damaged: .*field required"):
            folder.read(page)
        (folder.path / page).unlink()
    model = {"format": 1, "sha256": "", "classes": ["a"], "parameters": 1, "batch_size": 1, "channels_last": True}
    model |= {"threads": 1, "preprocessing": {"shape": [3, 8, 8], "mean": [1.0], "std": [1.0] * 3}}
    (folder.path / "model.json").write_text(json.dumps(model))
    with pytest.raises(InputError, match=r"preprocessing: .*one number a channel"):
        folder.read("model.json")
    (folder.path / "model.json").unlink()
    (folder.path / "summary.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        folder.read("summary.json")
    with pytest.raises(InputError, match="is missing"):
        folder.read("model.json")
