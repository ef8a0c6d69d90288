"""TLS with single partners: whom only they are certified by, and the certificate that only they are shown (mTLS).

Everybody else is called with the client's ordinary context. A context belongs to one partner, and connections are kept
apart by it, so what is loaded for one partner never reaches another.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.net.tls import client_context, load_client_certificate


@dataclass(frozen=True, slots=True)
class PartnerTls:
    """The PEM files of one partner.

    Attributes:
        ca_file: authorities beside the system's and those that hold for every partner.
        certificate: shown to the partner, with its chain.
        key: of the certificate; None where it lies in the same file.
    """

    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class PartnerContexts:
    """Makes the TLS context of each partner that has files of its own, when it is first called.

    Not at start: the system's authorities take tens of milliseconds to read, and a command calls one partner at most.
    `gateway.config.environment` has looked at the files by then.

    Args:
        settings: by partner name, whatever its letter case.
        ca_file: further authorities for every partner.
    """

    def __init__(self, settings: Mapping[str, PartnerTls], *, ca_file: Path | None = None) -> None:
        self._settings = {name.lower(): files for name, files in settings.items()}
        self._ca_file = ca_file
        self._made: dict[str, ssl.SSLContext] = {}

    async def of(self, partner: str | None) -> ssl.SSLContext | Literal[True]:
        """The context for a partner; True for whoever is called with the ordinary one.

        Raises:
            TlsFilesError: a file can't be used any more.
        """
        name = (partner or "").lower()
        files = self._settings.get(name)
        if files is None:
            return True
        if name not in self._made:
            self._made.setdefault(name, await asyncio.to_thread(self._make, files))
        return self._made[name]

    def _make(self, files: PartnerTls) -> ssl.SSLContext:
        context = client_context(self._ca_file, files.ca_file)
        if files.certificate is not None:
            load_client_certificate(context, certificate=files.certificate, key=files.key)
        return context
