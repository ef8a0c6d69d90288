"""One call of the command: which configuration it works on, and its way to the services."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import typer

import gateway

if TYPE_CHECKING:  # verbs without configuration don't load its models, verbs without services not those
    from gateway.config import Config, Loaded
    from gateway.handshake.operations import Operations

T = TypeVar("T")

STANDARD_INPUT: Final = "-"
_CONFIGURATION: Final = Path("config.yaml")
_EXAMPLE: Final = "config.example.yaml"
_PACKAGE: Final = Path(gateway.__file__).parent


class Invocation:
    """What the words before the verb said.

    Attributes:
        chosen: the configuration file of `-c` or the environment; None where neither names one.
    """

    def __init__(self) -> None:
        self.chosen: str | None = None
        self._loaded: Loaded | None = None

    @property
    def loaded(self) -> "Loaded":
        """The configuration with its warnings, read at first use.

        Raises:
            ConfigError: with every problem found.
        """
        if self._loaded is None:
            from gateway.config import load  # noqa: PLC0415 - only verbs that need it

            self._loaded = load(self._path(), os.environ)
        return self._loaded

    @property
    def config(self) -> "Config":
        """The configuration.

        Raises:
            ConfigError: with every problem found.
        """
        return self.loaded.config

    @property
    def is_debugging(self) -> bool:
        """Whether the configuration was read and asks for `log.level: debug`."""
        return self._loaded is not None and self._loaded.config.log.level == "debug"

    def perform(self, work: "Callable[[Operations], Awaitable[T]]") -> T:
        """Do something with partners: opens the database beside a running server, and closes it."""
        config = self.config
        from gateway.app.verbs import operations  # noqa: PLC0415 - loads HTTP client and database

        async def session() -> T:
            async with operations(config, remark=lambda line: typer.echo(line, err=True)) as verbs:
                return await work(verbs)

        return drive(session())

    def _path(self) -> Path:
        if self.chosen is not None:
            return Path(self.chosen)
        if _CONFIGURATION.exists():
            return _CONFIGURATION
        example = _PACKAGE / _EXAMPLE
        if not example.exists():  # a checkout has it beside the package, an installed wheel inside
            example = _PACKAGE.parent / _EXAMPLE
        typer.echo(f"no -c and no {_CONFIGURATION} here: using the example configuration {example}", err=True)
        return example


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on uvloop, or on asyncio's own loop where that isn't installed."""
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
