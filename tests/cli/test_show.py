"""Tables on a terminal and elsewhere, and texts that can't steer a terminal."""

import os
from contextlib import contextmanager

import pytest

from gateway.cli.show import printable, show_audit, show_partners

LONG = "a-partner-with-a-name-that-is-longer-than-the-narrow-terminal-of-this-test"


def partner_named(name):
    state = {"state": "REGISTERED", "suspended": False, "leaving": False}
    return {"name": name, **state, "version": "2.2.1", "parties": ["DE-ABC"]}


@contextmanager
def terminal_of_60_columns(monkeypatch):
    """Makes standard output a terminal within; gives a function that reads what was shown."""
    controller, end = os.openpty()
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with os.fdopen(end, "w") as output, monkeypatch.context() as swapped:
        swapped.setattr("sys.stdout", output)

        def read():
            output.flush()
            return os.read(controller, 65536).decode()

        yield read
    os.close(controller)


def test_a_table_that_is_piped_is_plain_with_one_line_for_each_row(capsys):
    show_partners([partner_named(LONG), partner_named("b")])

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", LONG, "b"]


def test_a_table_on_a_terminal_folds_what_is_too_long_and_loses_nothing(monkeypatch):
    with terminal_of_60_columns(monkeypatch) as shown_so_far:
        show_partners([partner_named(LONG)])
        shown = shown_so_far()

    pieces = [line.split()[0] for line in shown.splitlines()[1:] if line.split()]
    assert "\x1b[1mNAME" in shown
    assert "".join(pieces) == LONG
    assert len(pieces) > 1


def test_what_looks_like_markup_is_shown_as_it_is(capsys):
    show_partners([partner_named("[red]acme[/red] :smile:")])

    assert "[red]acme[/red] :smile:" in capsys.readouterr().out


def test_the_detail_of_an_audit_row_is_one_line_of_names_and_values(capsys):
    detail = {"state": "INVITED", "parties": ["DE-ABC"], "note": "two\nlines \u202e"}
    show_audit(
        [{"at": "2025-06-01T08:00:00Z", "actor": "cli", "partner": "acme", "action": "invited", "detail": detail}]
    )

    _, row = capsys.readouterr().out.splitlines()
    assert row.rstrip().endswith('state="INVITED" parties=["DE-ABC"] note="two\\nlines \\u202e"')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich 東京", "Zürich 東京"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb", r"a\nb"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_only_printable_characters_reach_the_terminal(text, shown):
    assert printable(text) == shown
