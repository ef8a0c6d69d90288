"""The verbs on partners: `partner invite`, `register` and the rest (contract.md, Command line).

They work on the database, beside a running server, which follows within a second.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.invocation import Invocation
from gateway.cli.options import (
    AsJson,
    Invited,
    Name,
    as_role,
    read_host,
    read_invited,
    read_lifetime,
    read_token,
    read_url,
)
from gateway.cli.show import printable, show_invitation, show_json, show_partner, show_partners

if TYPE_CHECKING:  # loads the database
    from gateway.handshake.operations import Operations
    from gateway.handshake.performer import Progress
    from gateway.store.records import PartnerRecord

    Work = Callable[[Operations], Awaitable[PartnerRecord]]

verbs = typer.Typer(help="Partners and their registrations.", no_args_is_help=True)


@verbs.command()
def invite(
    context: typer.Context,
    name: Name,
    *,
    party: Annotated[
        list[Invited] | None,
        typer.Option(
            parser=read_invited,
            metavar="DE-ABC[:EMSP]",
            help="A party that the partner must present, with its role; can be given several times.",
        ),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(
            parser=read_host,
            metavar="HOST",
            help="A host that the partner's URLs must be on; can be given several times.",
        ),
    ] = None,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            parser=read_lifetime,
            metavar="7d",
            help="How long TOKEN_A can be used: 60m, 24h, 7d; else tokens.invitation_lifetime.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a TOKEN_A for a partner that is to register with us; also for one that is known already."""
    invocation: Invocation = context.obj
    invitation = invocation.perform(
        lambda operations: operations.invite(name, roles=party or (), hosts=host or (), lifetime=expires)
    )
    (show_json if as_json else show_invitation)(invitation.document())


@verbs.command()
def register(
    context: typer.Context,
    name: Name,
    *,
    versions_url: Annotated[
        str | None,
        typer.Option(parser=read_url, metavar="URL", help="The versions URL that the partner sent."),
    ] = None,
    token_a: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN_A",
            help="The TOKEN_A that the partner sent; - reads it from standard input, unseen by other processes.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Register with a partner that invited us; without both options, resume where that was interrupted."""
    invocation: Invocation = context.obj
    progress = _progress(as_json=as_json)
    if versions_url is None and token_a is None:
        _register(context, lambda operations: operations.resume_registration(name, progress=progress), as_json=as_json)
        return
    if versions_url is None or token_a is None:
        raise typer.BadParameter("give both, or none to resume", param_hint="--versions-url and --token-a")
    invitation_token = read_token(token_a, option="--token-a", configuration=invocation.chosen)
    _register(
        context,
        lambda operations: operations.register(
            name, versions_url=versions_url, invitation_token=invitation_token, progress=progress
        ),
        as_json=as_json,
    )


@verbs.command("list")
def list_partners(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List all partners."""
    from gateway.handshake.operations import describe  # noqa: PLC0415 - loads the database

    invocation: Invocation = context.obj
    documents = [describe(record) for record in invocation.perform(lambda operations: operations.partners())]
    (show_json if as_json else show_partners)(documents)


@verbs.command()
def show(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Show a partner: state, parties, endpoints, fingerprints of tokens."""
    _change(context, lambda operations: operations.partner(name), as_json=as_json)


@verbs.command()
def suspend(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Stop all traffic with a partner, without unregistering it."""
    _change(context, lambda operations: operations.suspend(name), as_json=as_json)


@verbs.command()
def resume(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Restart the traffic with a suspended partner."""
    _change(context, lambda operations: operations.resume(name), as_json=as_json)


@verbs.command()
def rotate(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Give a partner a new token of ours and take its new one."""
    progress = _progress(as_json=as_json)
    _change(context, lambda operations: operations.rotate(name, progress=progress), as_json=as_json)


@verbs.command()
def refresh(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Read a partner's front again and take over what it offers now; also tries a refused token again."""
    progress = _progress(as_json=as_json)
    _change(context, lambda operations: operations.refresh(name, progress=progress), as_json=as_json)


@verbs.command("import")
def import_(
    context: typer.Context,
    name: Name,
    *,
    versions_url: Annotated[str, typer.Option(parser=read_url, metavar="URL", help="The partner's versions URL.")],
    outbound_token: Annotated[
        str, typer.Option(metavar="TOKEN", help="The token by which we call the partner; - reads standard input.")
    ],
    inbound_token: Annotated[
        str,
        typer.Option(
            metavar="TOKEN",
            help="The token by which the partner calls us; - reads standard input, the line after the other token.",
        ),
    ],
    party: Annotated[
        list[Invited] | None,
        typer.Option(
            parser=read_invited,
            metavar="DE-ABC:EMSP",
            help="A party of the partner with its role, where its platform doesn't tell; can be given several times.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Carry on a registration that another system made: both tokens go on being used, nothing is exchanged."""
    invocation: Invocation = context.obj
    progress = _progress(as_json=as_json)
    tokens = {
        option: read_token(text, option=option, configuration=invocation.chosen)
        for option, text in (("--outbound-token", outbound_token), ("--inbound-token", inbound_token))
    }
    roles = [as_role(each) for each in party or ()]
    _change(
        context,
        lambda operations: operations.adopt(
            name,
            versions_url=versions_url,
            outbound_token=tokens["--outbound-token"],
            inbound_token=tokens["--inbound-token"],
            roles=roles,
            progress=progress,
        ),
        as_json=as_json,
    )


@verbs.command()
def unregister(
    context: typer.Context,
    name: Name,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Drop both tokens even where the partner can't be told.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End a registration: tell the partner, then drop both tokens."""
    progress = _progress(as_json=as_json)
    _change(context, lambda operations: operations.unregister(name, force=force, progress=progress), as_json=as_json)


@verbs.command()
def revoke(context: typer.Context, name: Name, *, as_json: AsJson = False) -> None:
    """Drop both tokens at once and tell nobody: for a token that leaked."""
    _change(context, lambda operations: operations.revoke(name), as_json=as_json)


def _register(context: typer.Context, work: "Work", *, as_json: bool) -> None:
    """Register, and show the partner; its name is called `partner` in the JSON, as `invite` calls it."""
    document = _done(context, work)
    if as_json:
        show_json({"partner": document["name"], **document})
    else:
        show_partner(document)


def _change(context: typer.Context, work: "Work", *, as_json: bool) -> None:
    """Do it and show the partner as it is then."""
    (show_json if as_json else show_partner)(_done(context, work))


def _done(context: typer.Context, work: "Work") -> dict[str, Any]:
    """Do it and describe the partner as it is then."""
    from gateway.handshake.operations import describe  # noqa: PLC0415 - loads the database

    invocation: Invocation = context.obj
    return describe(invocation.perform(work))


def _progress(*, as_json: bool) -> "Progress":
    """Prints each step as it happens; beside a JSON document, on standard error."""

    def step(what: str, outcome: str) -> None:
        typer.echo(printable(f"{what:<24}{outcome}"), err=as_json)

    return step
