"""What an error says."""

import pytest

from imagette.core.errors import ImagetteError
from imagette.core.registry import suggestion, unknown


def test_an_error_without_a_hint_is_its_message() -> None:
    assert str(ImagetteError("what")) == "what"


def test_bad_input_is_a_value_error_for_those_who_use_python() -> None:
    with pytest.raises(ValueError, match="unknown model"):
        raise unknown("model", "x", ["cnn"])


def test_no_guess_where_nothing_is_near() -> None:
    assert suggestion("zzz", ["cnn", "lenet"]) == "Available: cnn, lenet"
