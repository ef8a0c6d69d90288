"""The tables, as Markdown that reads well on a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import figures
from bench.cells import DISTURBED, cell
from bench.figures import Figures
from bench.goals import Goal
from bench.lanes import DIRECT
from bench.peers import NGINX, PLAIN
from bench.workloads import FORWARDED, GET_2KB, ONE_BY_ONE

BEGIN, END = "<!-- written by `make bench` -->", "<!-- end of what `make bench` writes -->"
FOOTNOTE = f"{DISTURBED} Others used the machine in nearly all rounds; the least disturbed ones are shown."


@dataclass(frozen=True)
class Table:
    """A heading, the names of the columns, and rows of cells."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __str__(self) -> str:
        """Markdown, in columns of even width."""
        lines = [self.columns, *self.rows]
        widths = [max(len(line[index]) for line in lines) for index in range(len(self.columns))]
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]

        def line(cells: Sequence[str]) -> str:
            first, *others = zip(cells, widths, strict=True)
            return f"| {' | '.join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)])} |"

        return "\n".join([f"### {self.heading}", "", *map(line, [self.columns, rule, *self.rows])])


def tables(measured: Figures, goals: Sequence[Goal]) -> list[Table]:
    """All of them."""
    rows = measured.rows(GET_2KB.name)
    columns = ["", *(each.name for each in FORWARDED)]

    def table(heading: str, value: Callable[[str, str], str]) -> Table:
        return Table(heading, columns, [[row, *(value(each.name, row) for each in FORWARDED)] for row in rows])

    def ratio(base: str) -> Callable[[str, str], str]:
        return lambda name, row: cell(measured.over(figures.cheaper, (name, row), (name, base)))

    bases = [base for base in (NGINX, PLAIN) if base in rows]
    costs = table("CPU time of a request, µs", lambda name, row: cell(measured.over(figures.cpu_us, (name, row))))
    return [
        costs,
        *(table(f"Requests in a CPU second, as a multiple of {base}'s", ratio(base)) for base in bases),
        _latency(measured),
        Table("The gateway's goals", ["", "measured", "goal"], [_cells(each) for each in goals]),
    ]


def _cells(goal: Goal) -> list[str]:
    return [goal.name, goal.measured, goal.goal]


def _latency(measured: Figures) -> Table:
    name = ONE_BY_ONE.name
    rows = [
        [
            row,
            cell(measured.over(figures.added_p50, (name, row), (name, DIRECT))),
            cell(measured.over(figures.added_p99, (name, row), (name, DIRECT))),
            cell(measured.over(figures.added_ratio, (name, row), (name, NGINX), (name, DIRECT))),
        ]
        for row in measured.rows(name)
        if row != DIRECT
    ]
    return Table("Added to the wait of a single connection", ["", "p50, µs", "p99, µs", "p50, of nginx's"], rows)


def text_of(machine: str, made: Sequence[Table]) -> str:
    """All tables with what they were measured on."""
    body = "\n\n".join(map(str, made))
    return f"{machine}\n\n{body}\n" + (f"\n{FOOTNOTE}\n" if DISTURBED in body else "")


def write_between_marks(file: Path, text: str) -> None:
    """Replace what a file says between the marks.

    Raises:
        ValueError: the file has no such marks.
    """
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file.name} has no place for the tables")
    file.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
