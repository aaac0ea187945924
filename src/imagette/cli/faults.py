"""From an exception to the lines that a person reads and the exit code that a script reads."""

from __future__ import annotations

import errno

import click

from imagette.core.errors import EnvironmentFault, ImagetteError, InputError

BUG = 1
STOPPED = 130  # as shells say it: 128 + SIGINT
MACHINE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENOMEM", "EMFILE", "ENFILE")
}


def explain(error: BaseException) -> tuple[str, int]:
    r"""Say what went wrong and how to mend it, with the exit code.

    Example:
        >>> explain(InputError("no run at 'x'", hint="imagette runs list"))
        ("no run at 'x'\n  hint: imagette runs list", 2)
        >>> explain(KeyError("epoch"))[1]
        1
    """
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return "stopped\n  hint: a training that had begun can go on: imagette runs list, imagette resume RUN", STOPPED
    known = error if isinstance(error, ImagetteError) else _known(error)
    if known:
        return str(known), known.exit_code
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return (
        f"{what}\n  hint: this is a bug in imagette; run the command again with --debug and report what it shows",
        BUG,
    )


def _known(error: BaseException) -> ImagetteError | None:
    """Recognise what is not a bug although another library raised it."""
    if isinstance(error, click.NoSuchOption) and (keys := _recipe_keys(error)):
        return InputError(error.format_message(), hint=f"values of a recipe are written KEY=VALUE: {keys[0]}=VALUE")
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "imagette"
        return InputError(error.format_message(), hint=f"{command} --help")
    if isinstance(error, click.ClickException):
        return InputError(error.format_message())
    if _out_of_memory(error):
        return EnvironmentFault(
            f"the memory is exhausted: {str(error).strip().splitlines()[0] if str(error).strip() else 'out of memory'}",
            hint="use less at once: a smaller train.batch_size and evaluate.batch_size, or fewer images by data.limit",
        )
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return InputError(f"{str(error.filename)[:80]}…: {error.strerror}", hint="check what was given as a path")
    if isinstance(error, OSError) and error.errno in MACHINE:
        place = f"{error.filename}: " if error.filename else ""
        return EnvironmentFault(
            f"{place}{error.strerror}", hint="free some space, or choose a place that can be read and written"
        )
    return None


def _recipe_keys(error: click.NoSuchOption) -> list[str]:
    """Name the values of a recipe that an option was meant for, where a command takes such values."""
    from imagette.recipe.faults import homes_of

    takes_them = error.ctx is not None and any(p.name == "assignments" for p in error.ctx.command.params)
    return homes_of(error.option_name.lstrip("-").replace("-", "_")) if takes_them else []


def _out_of_memory(error: BaseException) -> bool:
    """Tell whether memory is what lacks; torch's errors are told by name and text, without importing torch."""
    torch_says = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and torch_says)
