"""The reference pages come from the tables."""

from pathlib import Path

import gateway
from gateway.observe.events import Event
from gateway.observe.metrics import TABLE
from gateway.observe.reference import FOLDER, main, pages


def test_the_pages_name_every_metric_and_every_event():
    assert all(f"| `{row.name}` |" in pages()["metrics.md"] for row in TABLE)
    assert all(f"| `{event.value}` |" in pages()["log-events.md"] for event in Event)


def test_check_tells_a_stale_page_from_a_fresh_one(tmp_path, capsys):
    assert main(["--check"], tmp_path) == 1
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / "metrics.md").write_text("old")
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert "docs/reference/metrics.md is stale" in capsys.readouterr().err


def test_the_pages_in_the_project_are_fresh():
    assert main(["--check"], FOLDER) == 0


def test_every_event_of_the_table_is_written_somewhere():
    sources = [path.read_text() for path in Path(gateway.__file__).parent.rglob("*.py")]
    unused = [event.name for event in Event if not any(f"Event.{event.name}" in source for source in sources)]
    assert unused == []
