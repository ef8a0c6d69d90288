"""What the configuration tests share: a small valid file, and a way to see every problem of a changed one."""

from collections.abc import Callable, Mapping

import pytest

from gateway.config import Config, ConfigError, load_text

MINIMAL = """\
public_url: https://ocpi.example.com
parties:
  - role: CPO
    country_code: NL
    party_id: EXA
    business_details: {name: Example Charging}
backend:
  url: http://legacy:9000/ocpi
  authorization: Token legacy-secret
  egress_token: 0123456789abcdef
  modules:
    locations: {role: SENDER}
"""


@pytest.fixture
def minimal() -> str:
    """The smallest useful configuration: 12 lines."""
    return MINIMAL


@pytest.fixture
def config_of() -> Callable[..., Config]:
    """Loads a configuration that is right."""

    def _load(text: str, environ: Mapping[str, str] | None = None) -> Config:
        return load_text(text, source="c.yaml", environ=environ or {}).config

    return _load


@pytest.fixture
def problems_of() -> Callable[..., list[str]]:
    """Loads a configuration that is wrong, and gives its problems as lines; none where it is right after all."""

    def _load(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        try:
            load_text(text, source="c.yaml", environ=environ or {})
        except ConfigError as error:
            return [str(problem) for problem in error.problems]
        return []

    return _load
