"""imagette plan."""

from __future__ import annotations

import re


def test_the_plan_names_every_decision_and_the_time(call, nowhere) -> None:
    answer = call("plan", "digits", "train.threads=1", "model.name=linear")
    assert answer.code == 0
    for decision in ("device", "precision", "layout", "compile", "threads", "log_every", "data"):
        assert re.search(rf"^{decision} +\S+ +\S+", answer.out, re.M), decision
    assert re.search(r"one step +[\d.]+ ms, [\d,]+ images/s", answer.out)
    assert list(nowhere.iterdir()) == []
