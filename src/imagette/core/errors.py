"""The errors that a user may see, each with the exit code that the command line gives it."""

from __future__ import annotations


class ImagetteError(Exception):
    """A fault that the user can mend: what is wrong and where, and a hint that says how.

    Args:
        message: what is wrong, where, and what was received.
        hint: how to mend it, or what is allowed.

    Example:
        >>> print(ImagetteError("no run at 'runs/x'", hint="list them: imagette runs list"))
        no run at 'runs/x'
          hint: list them: imagette runs list
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class InputError(ImagetteError, ValueError):
    """What was given cannot be used: a recipe, a file, an option, a run folder."""

    exit_code = 2


class EnvironmentFault(ImagetteError):
    """The machine cannot do it now: disk, network, memory, permissions."""

    exit_code = 3


class Diverged(ImagetteError):
    """The loss, a gradient or a weight is no longer a finite number."""

    exit_code = 4


class Interrupted(ImagetteError):
    """Training was stopped from outside; its state is saved and can be resumed."""

    exit_code = 75
