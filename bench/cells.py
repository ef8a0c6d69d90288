"""How a figure is written."""

from bench.figures import Spread

DISTURBED = "\\*"
_DIGITS = ((100, 0), (10, 1), (1, 2))


def short(value: float) -> str:
    """With about three digits that count."""
    digits = next((digits for least, digits in _DIGITS if abs(value) >= least), 3)
    return f"{value:.{digits}f}"


def cell(spread: Spread | None) -> str:
    """A median, in brackets the range around it, and a mark where foreign load disturbed it."""
    if spread is None:
        return "-"
    around = "" if spread.least == spread.most else f" ({short(spread.least)}-{short(spread.most)})"
    return short(spread.median) + around + (f" {DISTURBED}" if spread.disturbed else "")
