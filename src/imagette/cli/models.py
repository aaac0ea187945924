"""imagette models list | show."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.filesize import pick_unit_and_suffix

from imagette.cli import arguments
from imagette.cli.menu import Menu
from imagette.cli.output import columns, shape_text, table
from imagette.core.console import inert
from imagette.core.errors import InputError
from imagette.core.shape import Shape

if TYPE_CHECKING:
    from torch import nn


@click.group("models", cls=Menu)
def command() -> None:
    """List models and show their layers."""


@command.command("list")
def list_() -> None:
    """List the models that a recipe can name."""
    from imagette.recipe.models import MODELS

    rows = [(spec.model_fields["name"].default, (inspect.getdoc(spec) or "").splitlines()[0]) for spec in MODELS]
    columns(("model", "what it is"), sorted(rows))


def _shape(_: click.Context, __: click.Parameter, text: str) -> Shape:
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})x(\d{1,6})", text.lower())
    channels, height, width = map(int, found.groups()) if found else (0, 0, 0)
    if not (channels and height and width):
        raise click.BadParameter(f"{text!r} is not channels x height x width, as in 3x32x32")
    return channels, height, width


@command.command(
    "show",
    epilog=arguments.examples(
        "imagette models show vgg --shape 3x32x32 --classes 100 model.dropout=0.3",
        "imagette models show lenet --graph lenet.png",
    ),
)
@click.argument("name", metavar="MODEL")
@arguments.assignments
@click.option("--shape", default="1x28x28", show_default=True, callback=_shape, metavar="CxHxW", help="An image.")
@click.option("--classes", type=click.IntRange(min=2), default=10, show_default=True, metavar="K", help="Classes.")
@click.option(
    "--graph", type=arguments.FilePath(), metavar="FILE", help="Also draw the network, into a .png or .svg file."
)
def show(name: str, assignments: tuple[str, ...], shape: Shape, classes: int, graph: Path | None) -> None:
    """Show a model's layers for images of a shape.

    For each layer: the shape of what it gives, its parameters, its multiply-adds and the memory of what it gives, for
    one image in 32-bit numbers. KEY=VALUE sets the model's own parameters.
    """
    from imagette.recipe.schema import Recipe

    if foreign := [word for word in assignments if not word.startswith("model.")]:
        raise InputError(f"{foreign[0]!r} is not a value of the model", hint="write model.KEY=VALUE")
    spec = Recipe.load("digits", [f"model.name={name}", *assignments]).model

    from imagette import models
    from imagette.models.inspect import layer_table

    module = models.build(spec, shape, classes)
    drawn = graph and _draw(module, shape, graph, spec.name)
    rows = layer_table(module, shape)
    headings = ("layer", "kind", "output", ">parameters", ">multiply-adds", ">memory")
    table(
        f"{spec.name} for {shape_text(shape)} and {classes} classes",
        headings,
        [
            (
                row.name,
                row.kind,
                shape_text(row.output_shape),
                f"{row.parameters:,}",
                f"{row.multiply_adds:,}",
                _bytes(row.memory_bytes),
            )
            for row in rows
        ],
    )
    parameters = sum(row.parameters for row in rows)
    click.echo(f"\nparameters     {parameters:,} ({_bytes(4 * parameters)})")
    click.echo(f"multiply-adds  {sum(row.multiply_adds for row in rows):,} an image")
    click.echo(f"memory         {_bytes(sum(row.memory_bytes for row in rows))} an image, for what the layers give")
    if drawn:
        click.echo(f"graph          {inert(drawn)}")


def _draw(module: nn.Module, shape: Shape, file: Path, title: str) -> Path:
    from imagette.report import network

    return network.save(module, shape, file, title)


def _bytes(count: int) -> str:
    """Write an amount of memory."""
    unit, name = pick_unit_and_suffix(count, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 1024)
    return f"{count / unit:.4g} {name}"
