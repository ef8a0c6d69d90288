"""How a figure is written."""

from bench.figures import Spread

DISTURBED = "\\*"


def cell(spread: Spread | None, digits: int = 2) -> str:
    """A median, in brackets the range around it, and a mark where foreign load disturbed it."""
    if spread is None:
        return "-"
    median, least, most = (f"{value:.{digits}f}" for value in (spread.median, spread.least, spread.most))
    around = "" if least == most else f" ({least}-{most})"
    return median + around + (f" {DISTURBED}" if spread.disturbed else "")
