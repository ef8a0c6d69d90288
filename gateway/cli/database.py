"""Verbs on the database: `audit`, `migrate`."""

from typing import Annotated

import typer

from gateway.cli.invocation import Invocation, drive
from gateway.cli.options import AsJson, read_name
from gateway.cli.show import show_audit, show_json


def audit(
    context: typer.Context,
    *,
    name: Annotated[str | None, typer.Argument(parser=read_name, metavar="NAME", help="Only of this partner.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show who changed what, when; the oldest first."""
    invocation: Invocation = context.obj
    rows = [row.document() for row in invocation.perform(lambda operations: operations.audit(name))]
    (show_json if as_json else show_audit)(rows)


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
