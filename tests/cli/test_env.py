"""imagette env: facts for a bug report, for people and for programs."""

from __future__ import annotations

import json

import torch


def test_json_and_table_hold_the_same_facts(call) -> None:
    facts = json.loads(call("env", "--json").out)
    assert facts["packages"]["torch"] == torch.__version__
    lines = call("env").out.splitlines()
    assert f"packages.torch {torch.__version__}" in [" ".join(line.split()) for line in lines]
    assert any(line.split()[0] == "gpus" or line.startswith("gpus.0") for line in lines)
