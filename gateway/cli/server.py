"""The verbs of a deployment: `run`, `validate`, `healthcheck`; and `demo`, which is one in miniature."""

import gc
import http.client
from typing import Final

import typer

from gateway.cli.invocation import Invocation, drive
from gateway.cli.options import AsJson
from gateway.cli.show import printable, show_json
from gateway.ocpi.errors import InternalError, OperatorError

_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not listened on
_HEALTH_SECONDS: Final = 3


def run(context: typer.Context) -> None:
    """Serve until SIGTERM."""
    gc.disable()  # next to nothing that is made until it serves is garbage, and there may be thousands of partners
    invocation: Invocation = context.obj
    _check_surroundings(invocation)
    from gateway.app.server import run as serve  # noqa: PLC0415 - loads HTTP server and database

    raise typer.Exit(serve(invocation.config, drive))


def demo() -> None:
    """Show the handshake in both roles and traffic both ways, on this machine; needs no configuration."""
    from gateway.demo import run_demo  # noqa: PLC0415 - loads HTTP server and client

    raise typer.Exit(drive(run_demo()))


def validate(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Do everything that starting does except listening: configuration, files, database, key."""
    invocation: Invocation = context.obj
    _check_surroundings(invocation)
    from gateway.app.verbs import check  # noqa: PLC0415 - loads the database

    checked = drive(check(invocation.config))
    if as_json:
        show_json({"checked": checked, "warnings": [str(warning) for warning in invocation.loaded.warnings]})
        return
    for line in checked:
        typer.echo(printable(line))
    typer.echo("the configuration is valid")


def healthcheck(context: typer.Context) -> None:
    """Ask the running gateway whether it is alive; for containers. A draining one is."""
    invocation: Invocation = context.obj
    status = invocation.config.listen.status
    if status.port == 0:
        raise OperatorError("listen.status.port is 0: any free port", remedy="Give the status listener a fixed port")
    host = _WILDCARDS.get(status.host, status.host)
    place = f"/livez on {host} port {status.port}"
    connection = http.client.HTTPConnection(host, status.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("GET", "/livez")
        http_status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        reason = (error.strerror or "no answer in time") if isinstance(error, OSError) else "an answer that is not HTTP"
        raise InternalError(f"{place}: {reason}", remedy="See whether the gateway runs, and its log") from None
    finally:
        connection.close()
    if http_status != http.client.OK:
        raise InternalError(f"{place}: HTTP {http_status}", remedy="See the log of the gateway")
    typer.echo("alive")


def _check_surroundings(invocation: Invocation) -> None:
    """Look for the files the configuration names, and show its warnings."""
    from gateway.config import ConfigError, check_environment  # noqa: PLC0415 - loads the configuration's models

    for warning in invocation.loaded.warnings:
        typer.echo(f"warning: {printable(str(warning))}", err=True)
    problems = check_environment(invocation.loaded)
    if problems:
        raise ConfigError(problems)
