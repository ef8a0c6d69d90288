"""Errors in words on standard error, and the exit codes they lead to (contract.md, Command line)."""

import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import typer

import gateway
from gateway.cli.show import printable
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.tokens import without_tokens

FAILED: Final = 1
CONFIGURATION_INVALID: Final = 78  # EX_CONFIG of sysexits.h

_PACKAGE: Final = Path(gateway.__file__).parent


def report(error: Exception, *, with_traceback: bool) -> int:
    """Say what went wrong, whose fault it is and what to do about it.

    Returns:
        The exit code.
    """
    from gateway.config import ConfigError  # noqa: PLC0415 - a verb without configuration doesn't load its models

    if with_traceback:
        _complain("".join(traceback.format_exception(error)).splitlines())
    if isinstance(error, ConfigError):
        _complain(map(str, error.problems))
        return CONFIGURATION_INVALID
    _complain(_sentences(error) if isinstance(error, GatewayError) else _apology(error))
    return FAILED


def _sentences(error: GatewayError) -> Iterator[str]:
    yield f"failed: {error.message}"
    yield f"fault: {error.fault}"
    if error.remedy:
        yield f"what to do: {error.remedy}"


def _apology(error: Exception) -> Iterator[str]:
    """The text of a foreign exception is left out: it may quote what nobody may see."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    place = f" at {Path(ours[-1].filename).relative_to(_PACKAGE.parent)}:{ours[-1].lineno}" if ours else ""
    yield f"failed: an error that nobody foresaw: {type(error).__name__}{place}"
    yield "fault: gateway"
    yield "what to do: report this line; with `log: {level: debug}` in the configuration there is more to see"


def _complain(lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(without_tokens(printable(line)), err=True)
