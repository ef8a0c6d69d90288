"""One listening socket with its server: starts, stops accepting, drains, closes."""

import asyncio
import errno
import os
import socket
import ssl
from typing import Any, Final, NamedTuple

from gateway.net.server import GatewayServer
from gateway.ocpi.errors import OperatorError

_BACKLOG: Final = 1024
_TLS_GOODBYE_SECONDS: Final = 1.0
_REMEDIES: Final = {
    errno.EADDRINUSE: "Another process listens there: stop it, or choose another port",
    errno.EADDRNOTAVAIL: "This machine does not have that address: choose one that it has, or 0.0.0.0 for all",
    errno.EACCES: "This user may not use that port: choose one from 1024 on",
}


class Address(NamedTuple):
    """Where a listener really listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Listener:
    """One of the gateway's listeners (operations.md, Listeners).

    Args:
        name: as in the configuration: public, private, admin or status.
        port: 0 takes any free one.
        ssl_context: serve https.
        reuse_port: several processes listen on the same port.

    Attributes:
        address: once started the bound one, with the port that was really taken.
    """

    def __init__(
        self,
        name: str,
        *,
        host: str,
        port: int,
        server: GatewayServer,
        ssl_context: ssl.SSLContext | None = None,
        reuse_port: bool = False,
    ) -> None:
        self.name = name
        self._host = host
        self._port = port
        self._server = server
        self._ssl_context = ssl_context
        self._reuse_port = reuse_port
        self._listening: list[asyncio.Server] = []
        self.address = Address(host, port)

    async def start(self) -> Address:
        """Bind and accept.

        Raises:
            OperatorError: the address can't be bound.
        """
        try:
            self._listening = [
                await self._serve(host=self._host, port=self._port, reuse_port=self._reuse_port or None),
            ]
        except OSError as error:
            raise OperatorError(
                f"the {self.name} listener can't listen on {Address(self._host, self._port)}",
                remedy=_REMEDIES.get(error.errno or 0, "The host is not an address of this machine"),
            ) from None
        self.address = Address(*self._listening[0].sockets[0].getsockname()[:2])
        return self.address

    async def renew(self, ssl_context: ssl.SSLContext) -> None:
        """Meet new connections with another context; those that are open live on, and none is refused meanwhile."""
        self._ssl_context = ssl_context
        former = self._listening
        sockets = [socket.socket(fileno=os.dup(each.fileno())) for server in former for each in server.sockets]
        self._listening = [await self._serve(sock=each) for each in sockets]
        for server in former:
            server.close()

    async def _serve(self, **where: Any) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            self._server,
            backlog=_BACKLOG,
            ssl=self._ssl_context,
            ssl_handshake_timeout=self._server.header_seconds if self._ssl_context else None,
            ssl_shutdown_timeout=_TLS_GOODBYE_SECONDS if self._ssl_context else None,
            **where,
        )

    def begin_closing(self) -> None:
        """Still serve, but end each connection with its next answer, so that clients go elsewhere."""
        self._server.closing = True

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open live on."""
        for server in self._listening:
            server.close()

    async def drain(self, *, timeout_seconds: float, force: asyncio.Event | None = None) -> int:
        """Stop accepting, let requests in flight finish until `force` is set, cut the rest; gives how many were cut."""
        self.stop_accepting()
        return await self._server.drain(timeout_seconds=timeout_seconds, force=force)

    async def close(self) -> None:
        """Close everything at once; for a forced end, and for listeners that were never drained."""
        await self.drain(timeout_seconds=0)
