"""The gateway's configuration in the demonstration: SQLite in a temporary folder, four free loopback ports."""

import secrets
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.demo.samples import CPO
from gateway.ocpi.vocabulary import InterfaceRole, Role

_LISTENERS: Final = ("public", "private", "admin", "status")
_LOOPBACK: Final = "127.0.0.1"

#: The name under which the gateway's operator knows the sample eMSP.
PARTNER: Final = "acme"


@dataclass(frozen=True, slots=True)
class Setting:
    """What gateway and backend have to agree on.

    Attributes:
        folder: for configuration, database and logs.
        ports: of the gateway's listeners, by name.
        authorization: what the backend demands.
        egress_token: what the gateway demands of the backend.
    """

    folder: Path
    ports: dict[str, int]
    authorization: str = field(repr=False)
    egress_token: str = field(repr=False)

    @property
    def config_file(self) -> Path:
        """The gateway's configuration file."""
        return self.folder / "config.yaml"

    @property
    def public_url(self) -> str:
        """Where partners call the gateway."""
        return self._url("public")

    @property
    def private_url(self) -> str:
        """Where the backend calls the gateway."""
        return self._url("private")

    @property
    def status_url(self) -> str:
        """Where the gateway tells of its health."""
        return self._url("status")

    def ports_are_free(self) -> bool:
        """Whether nobody else listens on the gateway's ports; to be asked while it doesn't run."""
        try:
            with ExitStack() as held:
                for port in self.ports.values():
                    held.enter_context(socket.create_server((_LOOPBACK, port)))
        except OSError:
            return False
        return True

    def write_config(self, *, backend_port: int) -> None:
        """Write the gateway's configuration file."""
        self.config_file.write_text(yaml.safe_dump(self._config(backend_port), sort_keys=False))

    def _config(self, backend_port: int) -> dict[str, Any]:
        gives, takes = {"role": InterfaceRole.SENDER.value}, {"role": InterfaceRole.RECEIVER.value}
        party = {
            "role": Role.CPO.value,
            "country_code": CPO.country_code,
            "party_id": CPO.party_id,
            "business_details": {"name": "Example Charging", "website": "https://example.com"},
        }
        return {
            "public_url": self.public_url,
            "development": True,
            "parties": [party],
            "listen": {name: {"host": _LOOPBACK, "port": port} for name, port in self.ports.items()},
            "backend": {
                "url": f"http://{_LOOPBACK}:{backend_port}/ocpi",
                "authorization": self.authorization,
                "egress_token": self.egress_token,
                "modules": {
                    **dict.fromkeys(("locations", "tariffs", "sessions", "cdrs"), gives),
                    **dict.fromkeys(("tokens", "commands"), takes),
                },
            },
            "database": f"sqlite:///{self.folder / 'gateway.db'}",
            "shutdown": {"drain_delay_seconds": 0, "grace_period_seconds": 5},
            "log": {"format": "json"},
        }

    def _url(self, listener: str) -> str:
        return f"http://{_LOOPBACK}:{self.ports[listener]}"


def choose_setting(folder: Path) -> Setting:
    """Choose ports that are free at this moment, and secrets."""
    with ExitStack() as held:
        taken = [held.enter_context(socket.create_server((_LOOPBACK, 0))) for _ in _LISTENERS]
        ports = {name: listener.getsockname()[1] for name, listener in zip(_LISTENERS, taken, strict=True)}
    return Setting(
        folder,
        ports,
        authorization=f"Token legacy-{secrets.token_urlsafe(24)}",
        egress_token=f"egress-{secrets.token_urlsafe(24)}",
    )
