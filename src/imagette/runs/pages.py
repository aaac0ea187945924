"""The JSON pages of a run folder: what each must hold, so that a damaged one is told from a bug."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError, model_validator

from imagette.core.console import quoted
from imagette.core.errors import EnvironmentFault, InputError


class Page(BaseModel):
    """A page that may hold more than what is named here."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), strict=True)


class Status(Page):
    """``status.json``."""

    format: int
    state: str
    epoch: int
    epochs: int
    step: int
    pid: int
    host: str


class DataPage(Page):
    """The data of ``environment.json``."""

    fingerprints: dict[str, str]


class PlanPage(Page):
    """The plan of ``environment.json``."""

    device: str
    precision: str
    threads: PositiveInt


class Environment(Page):
    """``environment.json``."""

    packages: dict[str, str]
    cpu: dict[str, Any]
    gpus: list[dict[str, Any]]
    plan: PlanPage
    data: DataPage


class PreprocessingPage(Page):
    """The preprocessing of ``model.json``."""

    shape: tuple[PositiveInt, PositiveInt, PositiveInt]
    mean: list[float]
    std: list[float]

    @model_validator(mode="after")
    def _one_a_channel(self) -> Self:
        if {len(self.mean), len(self.std)} != {self.shape[0]}:
            raise ValueError("mean and std have one number a channel")
        return self


class Model(Page):
    """``model.json``."""

    format: int
    sha256: str
    classes: list[str]
    preprocessing: PreprocessingPage
    ground: float
    parameters: int
    channels_last: bool
    threads: PositiveInt


class Figures(Page):
    """The figures of a part of the images in ``summary.json``."""

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    confidence: float


class ModelFacts(Page):
    """The model of ``summary.json``."""

    name: str
    parameters: int


class Summary(Page):
    """``summary.json``."""

    test: Figures
    validation: Figures | None
    model: ModelFacts
    views: PositiveInt
    data: dict[str, Any]
    seconds: dict[str, float]
    epochs: int
    best_epoch: int
    kept: str


PAGES: dict[str, type[Page]] = {
    "status.json": Status,
    "environment.json": Environment,
    "model.json": Model,
    "summary.json": Summary,
}


def read(file: Path) -> dict[str, Any]:
    """Read a page of a run folder.

    Raises:
        InputError: when it is missing or damaged, with every fault.
        EnvironmentFault: when it cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
        page = json.loads(text)
        PAGES[file.name].model_validate_json(text)
    except FileNotFoundError:
        raise InputError(
            f"{file} is missing",
            hint=f"if the run is not finished: imagette resume {quoted(file.parent)} "
            "(--finish: as far as it has learned)",
        ) from None
    except OSError as error:
        raise EnvironmentFault(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors())
        raise InputError(f"{file}: damaged: {faults}", hint="restore it from a copy, or train anew") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: not valid JSON: {error}", hint="restore it from a copy, or train anew") from error
    return dict(page)
