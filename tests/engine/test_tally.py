"""The tally of an epoch: the same sums whenever they are counted."""

from __future__ import annotations

from weakref import WeakSet

import torch
from torch import Tensor
from torch.nn import functional

from imagette.engine.tally import Tally

Batch = tuple[Tensor, Tensor, Tensor]


def batches(n: int = 30) -> list[Batch]:
    """Make batches whose losses differ in size, so that the order of their sum shows."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for number in range(n):
        logits = torch.randn(7 + number % 3, 5, generator=generator) * 10 ** (number % 5 - 2)
        labels = torch.randint(0, 5, (len(logits),), generator=generator)
        made.append((functional.cross_entropy(logits, labels), logits, labels))
    return made


def test_sums_are_those_of_the_images() -> None:
    tally, given = Tally(), batches()
    for batch in given:
        tally.add(*batch)
    logits, labels = torch.cat([batch[1] for batch in given]), torch.cat([batch[2] for batch in given])
    loss, correct = tally.counted()
    torch.testing.assert_close(loss, functional.cross_entropy(logits.double(), labels, reduction="sum").item())
    assert correct == (logits.argmax(1) == labels).sum()


def test_a_resumed_epoch_has_the_same_sums_to_the_last_bit() -> None:
    whole, given = Tally(), batches()
    for batch in given:
        whole.add(*batch)
    for pause in range(len(given)):
        begun = Tally()
        for batch in given[:pause]:
            begun.add(*batch)
        resumed = Tally(*begun.counted())
        for batch in given[pause:]:
            resumed.add(*batch)
        assert resumed.counted() == whole.counted()


def test_logits_that_the_next_step_writes_over_are_counted_as_they_were() -> None:
    logits, loss, labels = torch.tensor([[1.0, 0.0]]), torch.tensor(0.25), torch.tensor([0])
    tally = Tally(copy=True)
    for _ in range(2):
        tally.add(loss, logits, labels)
        loss.zero_()
        logits.neg_()
    assert tally.counted() == (0.25, 1)


def test_a_thousand_classes_do_not_pile_up() -> None:
    tally, given, held = Tally(), WeakSet[Tensor](), 0
    for _ in range(300):
        logits = torch.zeros(128, 1000)
        given.add(logits)
        tally.add(torch.tensor(1.0), logits, torch.zeros(128, dtype=torch.int64))
        held = max(held, sum(kept.nbytes for kept in given))
    assert held < 8 << 20
    assert tally.counted() == (300 * 128, 300 * 128)
