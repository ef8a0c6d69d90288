"""What may be written after a verb, and how it is read. A value that can't be read is wrong usage: exit code 2.

No message here quotes a token.
"""

import getpass
import sys
from datetime import timedelta
from typing import Annotated, NamedTuple

import typer

from gateway.cli.invocation import STANDARD_INPUT
from gateway.ocpi.partner import NAME, CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.tokens import MAX_LENGTH, is_well_formed
from gateway.ocpi.urls import check_url
from gateway.ocpi.vocabulary import Role


class Invited(NamedTuple):
    """A party that a partner must present, with the role it must have or None for any."""

    party: Party
    role: str | None


def read_name(text: str) -> str:
    """Read a partner's name."""
    if not NAME.fullmatch(text):
        raise typer.BadParameter(
            f"{text[:64]!r} can't be a partner's name: up to 64 letters, digits, dots, dashes and underscores, "
            "a letter or digit first"
        )
    return text


def read_invited(text: str) -> Invited:
    """Read `DE-ABC` or `DE-ABC:EMSP`."""
    name, colon, word = text.partition(":")
    try:
        party = Party.parse(name)
    except ValueError as error:
        raise typer.BadParameter(f"{name!r} is not a party such as DE-ABC: {error}") from None
    if colon and word.upper() not in set(Role):
        raise typer.BadParameter(f"{word!r} is not a role; one of {', '.join(Role)}")
    return Invited(party, word.upper() or None)


def read_host(text: str) -> str:
    """Read a host name or IP address."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - only `invite` needs it

    from gateway.config.values import HostName  # noqa: PLC0415

    try:
        host: str = TypeAdapter(HostName).validate_python(text)
    except ValidationError:
        raise typer.BadParameter(
            f"{text!r} is not a host name or an IP address, without scheme, port and path"
        ) from None
    return host


def read_lifetime(text: str) -> timedelta:
    """Read `7d`, `24h`, `90m`."""
    from gateway.config.durations import parse_duration  # noqa: PLC0415 - only `invite` needs it

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def read_url(text: str) -> str:
    """Read an absolute URL."""
    try:
        return check_url(text)
    except ValueError as error:
        raise typer.BadParameter(f"the URL {error}") from None


def as_role(invited: Invited) -> CredentialsRole:
    """A party of a partner as its platform would have told it."""
    if invited.role is None:
        raise typer.BadParameter(f"{invited.party} needs its role, such as {invited.party}:EMSP", param_hint="--party")
    return CredentialsRole(invited.role, invited.party)


def read_token(text: str, *, option: str, configuration: str | None) -> str:
    """Take a token as it was written, or for `-` a line of standard input: there other processes can't see it.

    Args:
        option: where it was written.
        configuration: the configuration file that was chosen, which may be on standard input itself.
    """
    if text == STANDARD_INPUT:
        if configuration == STANDARD_INPUT:
            raise typer.BadParameter("standard input holds the configuration already", param_hint=option)
        text = getpass.getpass(f"{option[2:]}: ") if sys.stdin.isatty() else sys.stdin.readline()
    token = text.strip()
    if not is_well_formed(token):
        raise typer.BadParameter(
            f"a token is 1 to {MAX_LENGTH} printable ASCII characters without blanks", param_hint=option
        )
    return token


Name = Annotated[
    str, typer.Argument(parser=read_name, metavar="NAME", help="The partner's name here.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
