"""What the five articles published, system by system; the recipes of the same names hold how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from imagette.core.errors import InputError
from imagette.core.registry import suggestion
from imagette.recipe.load import shipped

CORRECTED = "-corrected"


@dataclass(frozen=True)
class System:
    """One system of an article, or one stage of it.

    Args:
        id: the name of its recipe as published; the corrected one ends in ``-corrected``.
        published: accuracies as shares, by the images that they were measured on (``test``, ``validation``,
            ``train``), the one to compare first.
        trap: the mistake, as a noun; empty where there is none.
    """

    id: str
    published: Mapping[str, float] = field(default_factory=dict, hash=False)
    trap: str = ""

    @property
    def article(self) -> str:
        """The article's id: ``a0`` to ``a4``."""
        return self.id.partition("-")[0]

    @property
    def corrected(self) -> str:
        """The name of the corrected recipe; empty where there is nothing to correct."""
        return self.id + CORRECTED if self.id + CORRECTED in shipped() else ""


_SOFTMAX = "the softmax before the loss"

SYSTEMS = (
    System("a0", {"test": 0.9229}, "testing without eval()"),
    System("a1-1", {"test": 0.8579}, "the delta taken on the logits"),
    System("a1-2", {"test": 0.9210}),
    System("a1-3"),
    System("a1-4", {"test": 0.9905}),
    System("a2-1", {"test": 0.9078}, "leaving the pixels unscaled"),
    System("a2-2", {"test": 0.9189}, "leaving the pixels unscaled"),
    System("a3-1", {"test": 0.75, "train": 0.89}, _SOFTMAX),
    System("a3-2", {"train": 0.93}, _SOFTMAX),
    System("a3-3", {"train": 0.92}, _SOFTMAX),
    System("a3-4", {"train": 0.948}, _SOFTMAX),
    System("a3-5", {"train": 0.9537}, _SOFTMAX),
    System("a3-6", {"validation": 0.7896, "train": 0.9790}, _SOFTMAX),
    System("a3-7", {"test": 0.70, "validation": 0.70, "train": 0.70}, _SOFTMAX),
    System("a3-8", {"validation": 0.8276, "train": 0.9705}, _SOFTMAX),
    System("a3-9", {"test": 0.80, "validation": 0.80, "train": 0.80}, f"{_SOFTMAX}, and too strong a colour jitter"),
    System("a3-9-mismatched", trap=f"{_SOFTMAX}, and two scales of pixels"),
    System("a4", {"test": 0.8677, "validation": 0.8771}, "never shuffling"),
    System("a4-variant"),
)
"""Every system, in the order in which a newcomer meets them in ``docs/articles.md``, article by article."""


def folder(quick: bool) -> str:
    """Name the folder that holds the runs where nobody names another; quick figures stand apart from full ones.

    Example:
        >>> folder(quick=True)
        'runs/articles-quick'
    """
    return "runs/articles-quick" if quick else "runs/articles"


def chosen(ids: Iterable[str] = (), corrected: bool = False) -> dict[System, list[str]]:
    """Give the systems of some ids, each with the names of its recipes that are meant.

    Args:
        ids: of systems (``a3-6``), of corrected ones (``a3-6-corrected``) or of whole articles (``a3``); what is both
            (``a4``) is the system; none means every system.
        corrected: take each system's corrected recipe too.

    Raises:
        InputError: naming every id that does not exist.

    Example:
        >>> list(chosen(["a2-1", "a2-2-corrected"], corrected=True).values())
        [['a2-1', 'a2-1-corrected'], ['a2-2-corrected']]
    """
    names = set(ids)
    known = {name for system in SYSTEMS for name in (system.id, system.corrected, system.article) if name}
    if wrong := sorted(names - known):
        raise InputError(f"no system {', '.join(map(repr, wrong))}", hint=suggestion(wrong[0], known))
    found: dict[System, list[str]] = {}
    articles = names - {system.id for system in SYSTEMS}
    for system in SYSTEMS:
        asked = not names or system.id in names or system.article in articles
        mended = system.corrected and (system.corrected in names or (asked and corrected))
        if recipes := [system.id] * asked + [system.corrected] * bool(mended):
            found[system] = recipes
    return found
