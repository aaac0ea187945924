"""Numbers next to zero, which a processor computes many times slower than others: in training they count as zero."""

from __future__ import annotations

import torch

SPREAD = 1 << 20  # numbers: so many are shared out to all threads


class Flushed:
    """Let results under 1.2e-38 be zero in this thread, and in those that it starts meanwhile.

    The average gradient that an optimizer keeps falls by a tenth a step where a weight no longer gets any, as behind a
    ReLU that has died; after 830 steps, it is that small, and stays so. A step of the two-conv CNN then
    took a quarter longer.

    Example:
        >>> with Flushed():
        ...     float(torch.tensor(1e-38) / 4)
        0.0

    Source: https://docs.pytorch.org/docs/stable/generated/torch.set_flush_denormal.html
    """

    def __init__(self) -> None:
        self._before = float(torch.tensor(torch.finfo(torch.float32).tiny) / 2) == 0

    def __enter__(self) -> None:
        torch.set_flush_denormal(True)

    def __exit__(self, *error: object) -> None:
        torch.set_flush_denormal(self._before)


def start_threads() -> None:
    """Start torch's threads such that results next to zero are zero in them; those that already run stay as they are.

    Example:
        >>> start_threads()
    """
    with Flushed():
        torch.zeros(SPREAD).add_(1)
