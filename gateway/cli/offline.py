"""Verbs that need neither configuration nor database: `key generate`, `schema`, `version`."""

import sys

import typer

import gateway
from gateway.cli.options import AsJson
from gateway.cli.show import show_json
from gateway.ocpi.versions import DIALECTS


def generate() -> None:
    """Make an encryption key and print it; keep it apart from the database (`encryption_key: ${file:...}`)."""
    from gateway.store.vault import make_key  # noqa: PLC0415 - loads the cryptography

    typer.echo(make_key())


def schema() -> None:
    """Print the JSON Schema of the configuration."""
    from gateway.config import config_schema  # noqa: PLC0415 - loads the configuration's models

    show_json(config_schema())


def version(*, as_json: AsJson = False) -> None:
    """Print the version of this program."""
    if as_json:
        python = ".".join(map(str, sys.version_info[:3]))
        show_json({"version": gateway.__version__, "ocpi_versions": list(DIALECTS), "python": python})
    else:
        typer.echo(f"ocpi-gateway {gateway.__version__}")
