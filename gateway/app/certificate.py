"""The certificate of the public listener: its files are read again when they change, without a restart."""

from pathlib import Path

from structlog.typing import FilteringBoundLogger as Logger

from gateway.config.network import ClientCertificates, Tls
from gateway.net.listener import Listener
from gateway.net.tls import server_context
from gateway.observe.events import Event
from gateway.ocpi.errors import OperatorError


class Certificate:
    """Gives a listener its certificate, and its next one.

    Whoever renews a certificate writes two files, one after the other; a pair that doesn't match yet is tried again at
    each look, and the former one stays meanwhile.
    """

    def __init__(self, tls: Tls, listener: Listener, log: Logger) -> None:
        self._tls = tls
        self._listener = listener
        self._log = log
        self._used: list[tuple[int, ...]] | None = None
        self._told = ""

    async def look(self) -> None:
        """Use the files if they changed.

        Raises:
            OperatorError: they can't be used, and there are none that were used before.
        """
        found = [_version_of(path) for path in self._files()]
        if found == self._used:
            return
        try:
            context = server_context(
                certificate=self._tls.certificate,
                key=self._tls.key,
                client_ca=self._tls.client_ca,
                client_certificate_required=self._tls.client_certificates is ClientCertificates.REQUIRED,
            )
        except OperatorError as error:
            if self._used is None:
                raise
            if str(error) != self._told:
                self._told = str(error)
                self._log.error(Event.TLS_KEPT, reason=str(error))
            return
        await self._listener.renew(context)
        if self._used is not None:
            self._log.info(Event.TLS_RENEWED)
        self._used, self._told = found, ""

    def _files(self) -> list[Path]:
        return [path for path in (self._tls.certificate, self._tls.key, self._tls.client_ca) if path is not None]


def _version_of(path: Path) -> tuple[int, ...]:
    """What differs once a file was written again; empty where there is none."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
