"""The results of a run: one JSON document, from which tables and chart are made, at once or later anew."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import chart, report
from bench.figures import Figures
from bench.goals import goals
from bench.plan import Plan
from bench.slices import Slice

DOCUMENT, CHART = "latest.json", "latest.svg"


def save(folder: Path, slices: Sequence[Slice], alone: Mapping[str, float], plan: Plan, *, about: str) -> None:
    """Write the document.

    Args:
        alone: what was measured apart from the rounds.
        about: when, where and how, in a line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = ",\n  ".join(json.dumps(asdict(each)) for each in slices)
    head = json.dumps({"about": about, "plan": asdict(plan), "alone": dict(alone)}, indent=1).removesuffix("\n}")
    (folder / DOCUMENT).write_text(f'{head},\n "slices": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


def show(folder: Path, *, page: Path | None) -> str:
    """Draw the chart from the document and give the tables, which replace those on the page if there is one."""
    read = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    measured = Figures(Slice(**each) for each in read["slices"])
    reached = goals(measured, read["alone"], Plan(**read["plan"]))
    text = report.text_of(read["about"], report.tables(measured, reached))
    (folder / CHART).write_text(chart.draw(measured), encoding="utf-8")
    if page is not None:
        report.write_between_marks(page, text)
    return text
