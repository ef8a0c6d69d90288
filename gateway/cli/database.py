"""Verbs on the database: `audit`, `migrate`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.invocation import Invocation, drive
from gateway.cli.options import AsJson, read_name
from gateway.cli.show import printable, show_audit, show_json
from gateway.observe.redaction import redact
from gateway.ocpi.errors import OperatorError


def audit(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Argument(parser=read_name, metavar="NAME", help="Only of this partner.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Look whether the whole trail is as it was written; exit 1 if it isn't.")
    ] = False,
    export: Annotated[
        bool, typer.Option("--export", help="Print one JSON document a line, for an archive; no token is in it.")
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(
            "--compare",
            metavar="EXPORT",
            exists=True,
            dir_okay=False,
            help="List the partners of whom an export tells more than this database: after a back-up was restored.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, when; the oldest first."""
    invocation: Invocation = context.obj
    if compare is not None:
        _compare(invocation, compare, as_json=as_json)
        return
    if verify:
        _verify(invocation, as_json=as_json)
        return
    rows = [row.document() for row in invocation.perform(lambda operations: operations.audit(name))]
    if export:
        for row in rows:
            typer.echo(json.dumps(redact(row), sort_keys=True))
        return
    (show_json if as_json else show_audit)(rows)


def _compare(invocation: Invocation, export: Path, *, as_json: bool) -> None:
    try:
        rows = [json.loads(line) for line in export.read_text(encoding="utf-8").splitlines() if line.strip()]
        missing = invocation.perform(lambda operations: operations.missing_since(rows))
    except (ValueError, KeyError, TypeError):
        raise typer.BadParameter("is no export of an audit trail", param_hint="--compare") from None
    if as_json:
        show_json({"affected": [{"partner": name, "missing": rows} for name, rows in missing.items()]})
        return
    if not missing:
        typer.echo("this database knows all that the export tells")
    for name, known in missing.items():
        last = known[-1]
        typer.echo(printable(f"{name}: {len(known)} changes are missing, the last at {last['at']}: {last['action']}"))
    if missing:
        typer.echo(
            "\nTokens of these partners may be out of date on this side. For each: 'ocpi-gateway partner refresh NAME' "
            "tries the token that we call it with; where that or its calls to us are refused, invite it again.",
        )


def _verify(invocation: Invocation, *, as_json: bool) -> None:
    verdict = invocation.perform(lambda operations: operations.verify_audit())
    if as_json:
        document = {"whole": not verdict.reason, "rows": verdict.rows, "unchained": verdict.unchained}
        show_json({**document, "broken_at": verdict.broken_at, "reason": verdict.reason})
    if verdict.reason:
        place = "" if verdict.broken_at is None else f" at row {verdict.broken_at}"
        raise OperatorError(
            f"the audit trail is broken{place}: {verdict.reason}",
            remedy="Compare it with an export or a back-up, and find out who can write to the database",
        )
    if not as_json:
        older = f", {verdict.unchained} older ones can't be judged" if verdict.unchained else ""
        typer.echo(f"the audit trail is whole: {verdict.rows} rows{older}")


def migrate(context: typer.Context) -> None:
    """Bring the database up to the schema of this program; starting does it too."""
    invocation: Invocation = context.obj
    config = invocation.config
    from gateway.app.verbs import migrate as bring_up_to_date  # noqa: PLC0415 - loads the database

    before, after = drive(bring_up_to_date(config))
    label = config.database_label
    if before == after:
        typer.echo(f"{label} has the schema {after} already")
    else:
        typer.echo(f"{label} brought from {before or 'nothing'} to the schema {after}")


def rotate(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Encrypt everything anew with another key: the configured one, or a new one in the key file."""
    invocation: Invocation = context.obj
    config = invocation.config
    from gateway.app.verbs import rotate_key  # noqa: PLC0415 - loads the database

    done = drive(rotate_key(config))
    if as_json:
        show_json({"key": done.key_id, "moved": done.moved, "file": done.file})
        return
    if not done.moved:
        typer.echo(f"everything is encrypted with the key {done.key_id} already")
        return
    typer.echo(f"{done.moved} secrets are encrypted with the key {done.key_id} now")
    if done.file:
        typer.echo(f"the former key is gone from {done.file}; keep a copy of that file, apart from the database")
    else:
        typer.echo("former_encryption_keys are needed no longer: take them out of the configuration")
