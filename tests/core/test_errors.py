"""The exit codes are a promise to scripts."""

import pytest

from imagette.core.errors import Diverged, EnvironmentFault, ImagetteError, InputError, Interrupted
from imagette.core.registry import suggestion, unknown


@pytest.mark.parametrize(
    ("error", "code"),
    [(ImagetteError, 1), (InputError, 2), (EnvironmentFault, 3), (Diverged, 4), (Interrupted, 75)],
)
def test_exit_codes(error: type[ImagetteError], code: int) -> None:
    assert error("x").exit_code == code
    assert str(error("what", hint="how")) == "what\n  hint: how"
    assert str(error("what")) == "what"


def test_bad_input_is_a_value_error_for_those_who_use_python() -> None:
    with pytest.raises(ValueError, match="unknown model"):
        raise unknown("model", "x", ["cnn"])


def test_no_guess_where_nothing_is_near() -> None:
    assert suggestion("zzz", ["cnn", "lenet"]) == "Available: cnn, lenet"
