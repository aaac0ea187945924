"""The files of benchmarks/results, and the words of docs/benchmarks.toml."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagette.engine.device import described

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"
WORDS = tomllib.loads((DOCS / "benchmarks.toml").read_text(encoding="utf-8"))
TONGUES = {"en": "", "zh": ".zh-CN"}  # with the ending of the page's name


@dataclass(frozen=True)
class Page:
    """One file of results: what was measured on one machine under one plan."""

    file: Path
    facts: dict[str, Any]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Its rows; none for a question that has another form."""
        return list(self.facts.get("results", []))

    @property
    def hardware(self) -> str:
        """What computed: a GPU, or the processor, by whose instructions those of one name differ."""
        chip = described(self.facts["machine"], self.rows[0]["plan"]["device"] if self.rows else "cpu")
        return f"{chip['name']} ({chip['instructions']})" if "instructions" in chip else str(chip["name"])

    def label(self, tongue: str) -> str:
        """Name hardware and plan: what tells one table of a question from another."""
        plans = dict.fromkeys(plan_text(row["plan"], tongue) for row in self.rows)
        machine = self.facts["machine"]
        what = " / ".join(plans) if plans else f"Python {machine['python']}"
        return f"{self.hardware}{WORDS['words'][tongue]['comma']}{what}"

    def provenance(self, tongue: str) -> str:
        """Say what a figure must carry: versions, how often, commit, and where the raw rows are."""
        words, machine = WORDS["words"][tongue], self.facts["machine"]
        versions = {"Python": machine["python"], **{k: machine["packages"][k] for k in ("torch", "imagette")}}
        versions |= self.facts.get("versions", {})
        commit, rounds = self.facts.get("commit"), self.facts.get("rounds")
        return str(words["facts"]).format(
            versions=words["comma"].join(f"{name} {version}" for name, version in versions.items()),
            rounds=words["n"].format(rounds=rounds) if rounds else words["no_rounds"],
            commit=words["commit"].format(commit=commit) if commit else words["no_commit"],
            file=self.file.name,
            path=self.file.relative_to(DOCS.parent) if self.file.is_relative_to(DOCS.parent) else self.file,
        )


def pages(name: str, folder: Path = RESULTS) -> list[Page]:
    """Give the newest of each hardware, plan and cases, among the files of a name with wildcards."""
    found = [Page(file, json.loads(file.read_text(encoding="utf-8"))) for file in folder.glob(f"{name}.json")]
    newest = {(page.label("en"), *(row.get("case", "") for row in page.rows)): page for page in sorted(found, key=age)}
    return [newest[label] for label in sorted(newest)]


def age(page: Page) -> tuple[str, str]:
    """Order files by day; those from before days were noted come first."""
    return page.facts.get("date", ""), page.file.name


def plan_text(plan: dict[str, Any], tongue: str) -> str:
    """Write precision, and threads where a processor computes."""
    if plan["device"].startswith("cuda"):
        return str(plan["precision"])
    threads, words = plan["threads"], WORDS["words"][tongue]
    return f"{plan['precision']}{words['comma']}{words['thread' if threads == 1 else 'threads'].format(n=threads)}"


def net(case: str, tongue: str) -> str:
    """Name a net in a language."""
    return str(WORDS["nets"].get(case, case)) if tongue == "zh" else case
