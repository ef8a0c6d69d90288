"""The command line: `ocpi-gateway [-c config.yaml] VERB` (contract.md, Command line).

server     run, demo, validate, healthcheck
partner    partner invite, register, list, show, suspend, resume, rotate, unregister, revoke
database   audit, migrate, key rotate
offline    key generate, schema, version
invocation which configuration a call works on, and how verbs reach the services
options    what may be written after a verb, and how it is read
show       answers in words and tables
failures   errors in words, and exit codes

Heavy imports (HTTP server, database) happen inside the verbs that need them: a container's health check runs every few
seconds and must not pay for them.
"""

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from gateway.cli import database, offline, partner, server
from gateway.cli.failures import report
from gateway.cli.invocation import Invocation

app = typer.Typer(
    help="OCPI Gateway: the OCPI front that a legacy charge point operator system lacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
key = typer.Typer(help="Encryption keys.", no_args_is_help=True)

for _verb in (server.run, server.demo, server.validate):
    app.command()(_verb)
app.add_typer(partner.verbs, name="partner")
app.command()(database.audit)
app.add_typer(key, name="key")
key.command()(offline.generate)
key.command()(database.rotate)
for _verb in (database.migrate, offline.schema, server.healthcheck, offline.version):
    app.command()(_verb)


@app.callback()
def _options(
    context: typer.Context,
    *,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            envvar="OCPI_GATEWAY_CONFIG",
            metavar="FILE",
            help="Configuration file; - is standard input. Without it: config.yaml here, or else the packaged example.",
        ),
    ] = None,
) -> None:
    invocation: Invocation = context.obj
    invocation.chosen = config


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one verb and exit: 0 done, 1 failed, 2 wrong usage, 78 configuration invalid.

    Args:
        arguments: the words after the command; None for those of this process.
    """
    invocation = Invocation()
    try:
        app(arguments, prog_name="ocpi-gateway", obj=invocation)
    except Exception as error:  # noqa: BLE001 - the outermost edge: nothing leaves as a traceback
        sys.exit(report(error, with_traceback=invocation.is_debugging))
    sys.exit(0)
