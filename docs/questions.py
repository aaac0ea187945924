"""The questions of docs/benchmarks.md: for each, the lines of its table and what has to be said about them.

A new question: a section in `benchmarks.toml`, a function here that gives table and remarks for one file of results, a
function in `drawings.py`, and a line in `QUESTIONS`. Without a file of results a question is left out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import drawings
from imagette.bench.row import MACHINES, Row
from imagette.core.tables import markdown
from results import RESULTS, TONGUES, WORDS, Page, age, net, pages, plan_text

Say = Callable[..., Any]  # gives a question's words, with figures put in
Answer = Iterator[str]  # the table first, then a remark each
STRICT = 41  # rounds of files whose bare steps take the engine's own update; those of older files took a slower one


def machines(page: Page, tongue: str, say: Say) -> Answer:
    """The rows that come with the package."""
    lines = []
    for row in page.rows:
        speeds, plan = row["rounds"], plan_text(row["plan"], tongue)
        spread = f"{min(speeds):,.0f} … {max(speeds):,.0f}"
        lines.append((f"`{row['net']}`", str(row["batch"]), plan, f"{row['images_per_second']:,.0f}", spread))
    yield markdown(say("headings"), lines)
    if Row.load_file(page.file).busy:
        yield say("busy", load=page.facts["load"], processors=page.facts["processors"])


def bound(page: Page, tongue: str, say: Say) -> Answer:
    """Engine against bare arithmetic."""
    lines = []
    for row in page.rows:
        times, added = row["milliseconds_per_step"], row["added_by_round"]
        lines.append(
            (
                net(row["case"], tongue),
                str(row["batch"]),
                f"{times['bare']:.2f}",
                f"{times['engine']:.2f}",
                signed(row["added"]),
                f"{signed(min(added))} … {signed(max(added))}",
            )
        )
    yield markdown(say("headings"), lines)
    worst = max(page.rows, key=lambda row: row["added"])
    yield say("worst", added=signed(worst["added"]), case=net(worst["case"], tongue))
    rounds = [value for row in page.rows for value in row["added_by_round"]]
    if (least := min(row["added"] for row in page.rows)) < 0:
        yield say("noise", noise=signed(-least)[1:], low=signed(min(rounds)), high=signed(max(rounds)))


def articles_race(page: Page, tongue: str, say: Say) -> Answer:
    """A step against the articles' own way."""
    lines = []
    for row in page.rows:
        times, ratios = row["milliseconds_per_step"], drawings.race_rounds(row)
        lines.append(
            (
                row["case"],
                str(row["batch"]),
                f"{times['articles']:.1f}",
                f"{times['ours']:.1f}",
                f"{row['ratio']:.2f}x",
                f"{min(ratios):.2f} … {max(ratios):.2f}",
            )
        )
    yield markdown(say("headings"), lines)
    least = min(page.rows, key=lambda row: row["ratio"])
    yield say("least", ratio=least["ratio"], case=least["case"])
    if slower := [row["case"] for row in page.rows if row["ratio"] < 1]:
        yield say("slower", cases=", ".join(slower))


def peers(page: Page, tongue: str, say: Say) -> Answer:
    """Images a second against other tools."""
    tables, remarks = [], []
    for row in page.rows:
        speeds, ratios, case = *drawings.peer_figures(row), net(row["case"], tongue)
        order = sorted(speeds, key=lambda tool: -speeds[tool])
        ratio_text = {tool: f"{ratios[tool]:.2f}x" if tool in ratios else "-" for tool in order}
        lines = [(tool, f"{speeds[tool]:,.0f}", ratio_text[tool]) for tool in order]
        tables.append(f"{case}\n\n{markdown(say('headings'), lines)}")
        taught = {tool: ratio for tool, ratio in ratios.items() if not tool.endswith("-best")}
        for key, among in (("best", ratios), ("taught", taught)):
            peer = min(among, key=lambda tool: among[tool])
            remarks.append(say(key, case=case, peer=peer, ratio=among[peer]))
        if slower := [tool for tool, ratio in ratios.items() if ratio < 1]:
            remarks.append(say("slower", case=case, peers=", ".join(slower)))
    yield "\n".join(tables)
    yield from remarks


def speedrun(page: Page, tongue: str, say: Say) -> Answer:
    """Seconds to the articles' accuracies."""
    lines, remarks, extrapolated = [], [], []
    for row in page.rows:
        case, way = row["case"], row["articles_way"]
        lines.append((case, f"`{row['recipe']}`", *_reached(row), f"{way['seconds']:,.0f}", f"{row['ratio']:.0f}x"))
        remarks += _doubts(row, case, say)
        if way["epochs_measured"] < way["epochs"]:
            extrapolated.append(f"{case} {way['epochs_measured']}/{way['epochs']}")
    yield markdown(say("headings"), lines)
    yield from remarks
    if extrapolated:
        yield say("extrapolated", cases=", ".join(extrapolated))


def records(page: Page, tongue: str, say: Say) -> Answer:
    """Seconds to an accuracy that is of no article."""
    lines, remarks = [], []
    for row in page.rows:
        lines.append((f"`{row['recipe']}`", *_reached(row)))
        remarks += [say("warm", case=row["recipe"])] if row["warm"] else []
        remarks += _doubts(row, row["recipe"], say)
    yield markdown(say("headings"), lines)
    yield from remarks


def _reached(row: dict[str, Any]) -> list[str]:
    """Write the target, the seeds' accuracies and the three clocks of a row."""
    found = row["accuracies"]
    clocks = [f"{statistics.median(row['seconds'][clock]):.1f}" for clock in drawings.CLOCKS]
    spread = f"{statistics.mean(found):.2%} ({min(found):.2%} … {max(found):.2%})"
    return [f"{row['target']:.2%}", str(len(found)), spread, f"{row['p_value']:.2g}", *clocks]


def _doubts(row: dict[str, Any], case: str, say: Say) -> Iterator[str]:
    mean, n = statistics.mean(row["accuracies"]), len(row["seeds"])
    if mean < row["target"] or not row["p_value"] < 0.01:
        yield say("missed", case=case, target=row["target"], mean=mean, p=row["p_value"])
    if n < 30:
        yield say("few", case=case, n=n)
    if row.get("data", "").endswith("JPEG"):
        yield say("lossy", case=case)


def airbench(page: Page, tongue: str, say: Say) -> Answer:
    """Our speed recipes against airbench."""
    lines, remarks = [], []
    for row in page.rows:
        case, n, (ratio, low, high) = row["case"], row["n"], row["ratio"]
        means = {side: statistics.mean(found) for side, found in row["accuracies"].items()}
        for side, mean in means.items():
            interval = " … ".join(f"{end:.2%}" for end in row["mean_interval"][side])
            seconds = f"{statistics.mean(row['seconds'][side]):.2f}"
            faster = f"{ratio:.2f}x ({low:.2f} … {high:.2f})" if side == drawings.SIDES[0] else "-"
            name = f"`{row['recipe']}`" if side == drawings.SIDES[0] else side
            lines.append((f"{case} %", name, str(n), f"{mean:.2%} ({interval})", seconds, faster))
        ours, theirs = (means[side] for side in drawings.SIDES)
        if ours < theirs:
            remarks.append(say("behind", case=case, points=100 * (theirs - ours)))
        if high < 1:
            remarks.append(say("slower", case=case, times=1 / ratio))
        if n < 100:
            remarks.append(say("few", case=case, n=n))
    yield markdown(say("headings"), lines)
    yield from remarks


def cost(page: Page, tongue: str, say: Say) -> Answer:
    """Time and memory as one thing grows."""
    lines, remarks = [], []
    for row in page.rows:
        x, seconds, peaks = drawings.cost_points(row)
        time, memory = row["lines"]["seconds"], row["lines"]["peak_bytes"]
        grows = WORDS["grows"].get(row["grows"], row["grows"]) if tongue == "zh" else row["grows"]
        lines.append(
            (
                grows,
                f"{x[0]:,} … {x[-1]:,}",
                f"{seconds[0]:,.1f} … {seconds[-1]:,.1f}",
                f"{time['largest_deviation']:.1%}",
                f"{peaks[0]:,.0f} … {peaks[-1]:,.0f}",
                say("memory", constant=memory["intercept"] / 2**20, each=memory["slope"]),
                f"{memory['largest_deviation']:.1%}",
            )
        )
        if time["largest_deviation"] > 0.1:
            remarks.append(say("bent", axis=grows, deviation=time["largest_deviation"]))
    yield markdown(say("headings"), lines)
    yield from remarks


def start(page: Page, tongue: str, say: Say) -> Answer:
    """Quick commands as whole processes."""
    times: dict[str, dict[str, float]] = page.facts["seconds"]
    keys = ("median", "min", "max", "processor_median")
    lines = [(f"`{name}`", *(f"{figures[key]:.3f}" for key in keys)) for name, figures in times.items()]
    yield markdown(say("headings"), lines)
    slowest = max(times, key=lambda name: times[name]["median"])
    yield say("slowest", name=slowest, median=times[slowest]["median"], python=times["python alone"]["median"])
    scatter = {name: figures["max"] / figures["median"] for name, figures in times.items()}
    if scatter[far := max(scatter, key=lambda name: scatter[name])] > 1.5:
        yield say("far", name=far, times=scatter[far])


QUESTIONS: dict[str, tuple[Callable[[Page, str, Say], Answer], Callable[[Sequence[Page]], Figure] | None]] = {
    "machines": (machines, None),
    "bound": (bound, drawings.bound),
    "articles-race": (articles_race, drawings.articles_race),
    "peers": (peers, drawings.peers),
    "speedrun": (speedrun, drawings.speedrun),
    "records": (records, drawings.records),
    "airbench": (airbench, drawings.airbench),
    "cost": (cost, drawings.cost),
    "start": (start, drawings.start),
}


def texts(folder: Path = RESULTS) -> dict[str, str]:
    """Write the page in each language, with the questions that have been answered; give them by file name."""
    return {f"benchmarks{ending}.md": "\n\n".join(_parts(tongue, folder)) + "\n" for tongue, ending in TONGUES.items()}


def draw(target: Path, folder: Path = RESULTS) -> list[Path]:
    """Draw the picture of each question that has been answered; give their files."""
    return [
        drawings.save(picture, found, target / f"bench-{name}.png")
        for name, (_, picture) in QUESTIONS.items()
        if picture and (found := answered(name, folder))
    ]


def answered(name: str, folder: Path) -> list[Page]:
    """Give the files that answer a question; the machines' rows lie in the package, the others in a folder."""
    return pages("*", MACHINES) if name == "machines" else pages(f"{name}-*", folder)


def _parts(tongue: str, folder: Path) -> Iterator[str]:
    yield WORDS["page"][tongue].strip()
    for name in QUESTIONS:
        if found := answered(name, folder):
            yield from _section(name, found, tongue)


def _section(name: str, found: Sequence[Page], tongue: str) -> Iterator[str]:
    words, (answer, picture) = WORDS[name][tongue], QUESTIONS[name]

    def say(key: str, **values: Any) -> Any:
        return words[key].format(**values) if values else words[key]

    yield from (f"## {words['title']}", words["how"].strip(), f"```bash\n{WORDS[name]['command']}\n```")
    if picture:
        yield f"![{words['caption']}](pictures/bench-{name}.png)"
    for page in found:
        table, *remarks = answer(page, tongue, say)
        yield from (f"**{page.label(tongue)}**", table.strip(), page.provenance(tongue))
        if remarks:
            yield "\n".join(f"- {remark}" for remark in remarks)


def readme(tongue: str) -> str:
    """Write the table of the README: what the engine adds, from the newest file of the present method."""
    measured, words = [file for file in pages("bound-*") if file.facts["rounds"] >= STRICT], WORDS["readme"][tongue]
    page = max(measured, key=age)
    torch = page.facts["machine"]["packages"]["torch"]
    opening = words["text"].format(machine=page.label(tongue), torch=torch, rounds=page.facts["rounds"])
    lines = []
    for row in page.rows:
        times = [f"{row['milliseconds_per_step'][side]:.1f}" for side in ("bare", "engine")]
        lines.append((net(row["case"], tongue), str(row["batch"]), *times, signed(row["added"])))
    worst, where = max(((row, other) for other in measured for row in other.rows), key=lambda pair: pair[0]["added"])
    most = words["most"].format(
        n=len(measured), added=signed(worst["added"]), case=net(worst["case"], tongue), machine=where.label(tongue)
    )
    return f"{opening}\n\n{markdown(words['headings'], lines)}\n{most}\n"


def signed(share: float) -> str:
    """Write a share as a percentage with its sign."""
    return f"{100 * share:+.1f} %".replace("-", "−")
