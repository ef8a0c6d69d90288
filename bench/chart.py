"""The chart: how many requests each proxy serves in a CPU second, as multiples of nginx's. SVG, written by hand."""

from collections.abc import Sequence
from html import escape

from bench import figures
from bench.cells import short
from bench.figures import Figures, Spread
from bench.lanes import GATEWAY
from bench.peers import NGINX
from bench.workloads import GET_1MB, GET_2KB, POST_2KB, Workload

SHOWN = (GET_2KB, POST_2KB, GET_1MB)
LEFT, WIDTH, GAP, TOP = 215, 210, 25, 70
ROW, BAR = 26, 16
OWN, OTHER, LINE, TEXT = "#d9541e", "#8fa3b8", "#44505c", "#1d2733"
FONT = 'font-family="system-ui, sans-serif" font-size="13"'
TITLE = "Requests in a CPU second, as a multiple of nginx's (median; line: least and most)"


def draw(measured: Figures) -> str:
    """The chart as a document."""
    rows = measured.rows(GET_2KB.name)
    width, height = LEFT + len(SHOWN) * (WIDTH + GAP), TOP + len(rows) * ROW + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT} fill="{TEXT}">',
        f"<title>{TITLE}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="12" y="24" font-size="15" font-weight="600">{TITLE}</text>',
    ]
    for number, row in enumerate(rows):
        weight = ' font-weight="600"' if row.startswith(GATEWAY) else ""
        parts.append(f'<text x="{LEFT - 10}" y="{_middle(number) + 5}" text-anchor="end"{weight}>{escape(row)}</text>')
    for number, workload in enumerate(SHOWN):
        parts += _panel(measured, workload, rows, LEFT + number * (WIDTH + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _middle(number: int) -> int:
    return TOP + number * ROW + ROW // 2


def _panel(measured: Figures, workload: Workload, rows: Sequence[str], left: int) -> list[str]:
    """The bars of one workload."""
    name = workload.name
    spreads = [measured.over(figures.cheaper, (name, row), (name, NGINX)) for row in rows]
    scale = (WIDTH - 45) / max([each.most for each in spreads if each] or [1])
    end = TOP + len(rows) * ROW
    parts = [
        f'<text x="{left}" y="{TOP - 12}" font-weight="600">{escape(name)}</text>',
        f'<line x1="{left}" y1="{TOP}" x2="{left}" y2="{end}" stroke="{LINE}"/>',
    ]
    for number, (row, spread) in enumerate(zip(rows, spreads, strict=True)):
        if spread is not None:
            parts += _bar(row, spread, left=left, middle=_middle(number), scale=scale)
    return parts


def _bar(row: str, spread: Spread, *, left: int, middle: int, scale: float) -> list[str]:
    color = OWN if row.startswith(GATEWAY) else OTHER
    least, most = (left + value * scale for value in (spread.least, spread.most))
    label = max(left + spread.median * scale, most) + 6
    return [
        f'<rect x="{left}" y="{middle - BAR // 2}" width="{spread.median * scale:.1f}" height="{BAR}" fill="{color}"/>',
        f'<line x1="{least:.1f}" y1="{middle}" x2="{most:.1f}" y2="{middle}" stroke="{LINE}" stroke-width="1.5"/>',
        f'<text x="{label:.1f}" y="{middle + 5}" font-size="12">{short(spread.median)}</text>',
    ]
