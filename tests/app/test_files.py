"""Connections are bounded by the files that the system lets the process open."""

import json

import pytest
import structlog

from gateway.app import server
from gateway.app.files import connections_within
from gateway.config import load_text
from tests.app.conftest import document_of


@pytest.mark.parametrize(
    ("files", "wanted", "connections"), [(1048576, 4096, 4096), (1024, 4096, 448), (1024, 100, 100), (64, 4096, 1)]
)
def test_two_files_a_connection_and_some_for_the_rest(files, wanted, connections):
    assert connections_within(files, wanted) == connections


def test_that_there_are_too_few_is_told(monkeypatch, tmp_path):
    document = json.dumps(document_of(tmp_path / "gateway.db", "http://127.0.0.1:9000"))
    config = load_text(document, source="test", environ={}).config
    monkeypatch.setattr(server, "raise_limit", lambda: 1024)

    with structlog.testing.capture_logs() as log:
        assert server._connections(config, structlog.get_logger()) == 448

    assert [(line["event"], line["files"], line["connections"]) for line in log] == [("few_files", 1024, 448)]
