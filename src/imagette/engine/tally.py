"""What the batches of an epoch add up to: their loss and their right answers."""

from __future__ import annotations

import torch
from torch import Tensor

BYTES, BATCHES = 1 << 22, 1000  # of logits that wait to be counted, at most


class Tally:
    """Add up loss and right answers of batches, counted many at a time: counting one takes a small net 1 % of its step.

    The sums are those of one batch after the other, whenever they are counted.

    Args:
        loss: sum over the images so far.
        correct: of them, those that were classified right.
        copy: keep copies, since the next step writes over its logits, as CUDA graphs do.

    Example:
        >>> tally = Tally()
        >>> tally.add(torch.tensor(0.5), torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
        >>> tally.counted()
        (1.0, 1)
    """

    def __init__(self, loss: float = 0.0, correct: int = 0, copy: bool = False) -> None:
        self._loss, self._correct = loss, correct
        self._copy = copy
        self._waiting: list[tuple[Tensor, Tensor, Tensor]] = []
        self._room = 0  # batches

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Take the mean loss () of a batch, its logits (B, K) and its labels (B,) int64."""
        if not self._waiting:
            self._room = min(BYTES // logits.untyped_storage().nbytes(), BATCHES)
        self._waiting.append((loss.clone(), logits.clone(), labels) if self._copy else (loss, logits, labels))
        if len(self._waiting) > self._room:
            self.counted()

    def counted(self) -> tuple[float, int]:
        """Give the sum of the losses of all images, and the number of right answers; this waits for a GPU."""
        if self._waiting:
            losses, logits, labels = zip(*self._waiting, strict=True)
            for loss, of_batch in zip(torch.stack(losses).tolist(), labels, strict=True):
                self._loss += loss * len(of_batch)
            self._correct += right(torch.cat(logits), torch.cat(labels))
            self._waiting = []
        return self._loss, self._correct


def right(logits: Tensor, labels: Tensor) -> int:
    """Count the images whose largest logit is that of their class.

    Args:
        logits: (N, K).
        labels: (N,) int64.

    Example:
        >>> right(torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
        1
    """
    return int((logits.argmax(1) == labels).sum())
