"""Writes the reference pages of metrics and log events from their tables: `python -m gateway.observe.reference`.

With `--check` it only compares, so that CI fails when a page is stale.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gateway.observe.call import LOGGED_HEADERS, Direction
from gateway.observe.events import Event
from gateway.observe.metrics import TABLE
from gateway.observe.traffic import OTHER

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "reference"
_MADE: Final = "<!-- Made by `python -m gateway.observe.reference`; do not edit. -->"


def pages() -> Mapping[str, str]:
    """The pages by file name."""
    return {"metrics.md": _metrics(), "log-events.md": _log_events()}


def main(arguments: Sequence[str], folder: Path = FOLDER) -> int:
    """Write the pages, or with `--check` only compare them; the exit code is 1 when one is stale."""
    stale = False
    for name, text in pages().items():
        page = folder / name
        if "--check" not in arguments:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
        elif not page.is_file() or page.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"docs/reference/{name} is stale: run python -m gateway.observe.reference\n")
            stale = True
    return int(stale)


def _metrics() -> str:
    rows = [f"| `{row.name}` | {row.kind.__name__.lower()} | {_listed(row.labels)} | {row.help} |" for row in TABLE]
    return "\n".join(
        [
            "# Metrics",
            "",
            _MADE,
            "",
            "`GET /metrics` on the status listener, in Prometheus' text format. Beside these there are the `process_*`",
            "metrics of the process.",
            "",
            "Label values are configured or enumerated, so their number is bounded: an unknown module, method or code",
            f"class is `{OTHER}`, and `partner` is empty where none was authenticated. `direction` is one of",
            f"{_listed(member.value for member in Direction)}.",
            "",
            "| name | kind | labels | what |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _log_events() -> str:
    return "\n".join(
        [
            "# Log events",
            "",
            _MADE,
            "",
            "One JSON object a line on standard output (`log.format: json`), each with `timestamp` (UTC), `level` and",
            "`event`; the names are constants. Errors have `exception` on one line. No event ever holds a credentials",
            "token.",
            "",
            "| event | when |",
            "|---|---|",
            *(f"| `{event.value}` | {event.description} |" for event in Event),
            "",
            "## The access log",
            "",
            "A `request` event has `direction`, `method`, `path` (without query), `http_status`, `partner`, `module`,",
            "`version`, `interface_role`, `request_id`, `correlation_id`, `bytes_in`, `bytes_out`; `own_ms`, the time",
            "that was the gateway's, and `upstream_ms`, the time spent waiting for the other side; `status_code` where",
            "the gateway made the answer; and where something went wrong `reason` and `fault`: `partner`, `backend`,",
            "`gateway` or `operator`. Fields without a value are left out. The only headers that are ever logged are",
            f"{_listed(LOGGED_HEADERS)}.",
            "",
        ]
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
