"""Answers on standard output: JSON documents, and the same in words and tables.

Tables are coloured on a terminal, and plain and as wide as they need to be elsewhere. What partners sent may hold
characters that steer a terminal; in words and tables those are shown as escapes (in JSON they are anyway).
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from gateway.ocpi.authorization import header_value
from gateway.ocpi.vocabulary import TokenForm

if TYPE_CHECKING:  # loaded when the first table is shown
    from rich.console import Console

Document = Mapping[str, Any]

_ANY_WIDTH = 10_000


def printable(text: str) -> str:
    """One line of text with everything that steers a terminal written as an escape."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def show_json(document: Document | Sequence[Document]) -> None:
    """Print the one JSON document of a verb."""
    typer.echo(json.dumps(document, indent=2))


def show_invitation(document: Document) -> None:
    """Print what to send to the partner; the only output of this program that holds a token."""
    header = header_value(document["token_a"], TokenForm.BASE64)
    lines = (
        f"To register with us ({document['partner']}):",
        "",
        f"  Versions URL   {document['versions_url']}",
        f"  TOKEN_A        {document['token_a']}",
        f"  Valid until    {document['expires']}, for one registration",
        "",
        "Send TOKEN_A Base64-encoded, as OCPI demands, with each request up to your POST of credentials:",
        "",
        f"  Authorization: {header}",
    )
    for line in lines:
        typer.echo(printable(line))
    typer.echo(
        "\nThis is to be sent to the partner, where nobody else reads it. TOKEN_A is not shown again: if it gets lost, "
        "invite anew.",
        err=True,
    )


def show_partners(documents: Sequence[Document]) -> None:
    """Print the list of partners."""
    if not documents:
        typer.echo("no partners yet: see `partner invite --help` and `partner register --help`", err=True)
        return
    rows = [(one["name"], _state(one), one["version"] or "-", ", ".join(one["parties"]) or "-") for one in documents]
    _show_table(("NAME", "STATE", "VERSION", "PARTIES"), rows)


def show_partner(document: Document) -> None:
    """Print one partner."""
    roles = [f"{role['party']} {role['role']} {role['name'] or ''}".strip() for role in document["roles"]]
    facts = {
        "Partner": document["name"],
        "State": _state(document),
        "Note": document["note"],
        "OCPI version": document["version"],
        "Versions URL": document["versions_url"],
        "Parties": ", ".join(roles),
        "Invited parties": ", ".join(document["invited_parties"]),
        "Invited hosts": ", ".join(document["invited_hosts"]),
        "Unreachable": document["unreachable"],
        "Offers now": "; ".join(document["drift"]),
        "Checked": document["checked"],
        "Failed attempts": f"{document['failures']}, next at {document['retry']}" if document["failures"] else "",
        "Created": document["created"],
        "Registered": document["registered"],
    }
    _show_table(None, [(name, value) for name, value in facts.items() if value])
    tokens = [
        (direction, token["kind"], token["state"], token["fingerprint"], token["created"], token.get("expires") or "-")
        for direction in ("inbound", "outbound")
        for token in document[f"{direction}_tokens"]
    ]
    if document["endpoints"]:
        endpoints = [(each["identifier"], each["role"] or "-", each["url"]) for each in document["endpoints"]]
        typer.echo()
        _show_table(("MODULE", "ROLE", "URL"), endpoints)
    if tokens:
        typer.echo()
        _show_table(("TOKEN", "KIND", "STATE", "FINGERPRINT", "CREATED", "EXPIRES"), tokens)


def show_audit(documents: Sequence[Document]) -> None:
    """Print the audit trail."""
    rows = [(row["at"], row["actor"], row["partner"], row["action"], _detail(row["detail"])) for row in documents]
    if rows:
        _show_table(("AT", "ACTOR", "PARTNER", "ACTION", "DETAIL"), rows)
    else:
        typer.echo("nothing has been changed yet", err=True)


def _state(document: Document) -> str:
    flags = [name for name in ("suspended", "leaving") if document[name]]
    return ", ".join([str(document["state"]), *flags])


def _detail(detail: Document) -> str:
    return " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in detail.items())


def _show_table(header: Sequence[str] | None, rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - slow to load, and JSON needs none of it
    from rich.text import Text  # noqa: PLC0415

    console = _console()
    table = Table(box=None, pad_edge=False, show_header=header is not None, header_style="bold", padding=(0, 2, 0, 0))
    for title in header or rows[0]:
        table.add_column(title if header else "", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    console.print(table)


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - slow to load

    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(width=_ANY_WIDTH, highlight=False, color_system=None)
