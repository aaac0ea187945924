"""The reference pages are what the commands and the schema say now."""

from __future__ import annotations

import runpy
from pathlib import Path

from imagette.recipe.schema import Recipe


def test_the_generated_pages_are_up_to_date(repository: Path) -> None:
    pages = runpy.run_path(str(repository / "docs" / "generate.py"))["pages"]()
    for name, text in pages.items():
        assert (repository / "docs" / name).read_text(encoding="utf-8") == text, "run: python docs/generate.py"


def test_the_recipe_page_holds_every_value(repository: Path) -> None:
    text = (repository / "docs" / "recipes.md").read_text(encoding="utf-8")
    for key in dict(Recipe.load("digits").items()):
        assert f"`{key}`" in text or f'{key} = "' in text, key
