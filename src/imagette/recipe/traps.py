"""What can stand under ``[traps]``: the articles' mistakes, which nobody meets by accident."""

from __future__ import annotations

from typing import Literal

from imagette.recipe.ranges import Share
from imagette.recipe.section import Section


class Traps(Section):
    """Mistakes of the articles, kept so that their figures can be reproduced and explained; leave them unset."""

    softmax_before_loss: bool = False
    """End the net in a softmax, so that the cross-entropy takes a second one: with ten classes the loss cannot fall
    under 1.4612, and its gradient fades (article A3)."""
    test_without_eval: bool = False
    """Measure in training mode: with dropout on, and batch norm by the statistics of each batch (article A0)."""
    evaluate_normalize: Literal["as-trained", "standardize", "unit", "none"] = "as-trained"
    """Another scale of pixels for validation, test and prediction than for training (article A3, stage 9)."""
    grayscale_of_gray: Share = 0.0
    """Probability that an image that is gray already becomes gray: for the record, it changes nothing (article A0)."""
