"""The only maker of HTTP clients: one for the backend, one for partners, which never share a connection.

What aiohttp does on its own is switched off, because each of it changes what a partner or the backend gets: hidden
re-sends (hardening.md, T3), redirects, cookies, proxies from the environment, decompression (T9), default headers,
and the normalisation of URLs (T8).
"""

import re
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import ClientSession, TCPConnector  # noqa: TID251 - this module is the one place where clients are made
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.resolver import DefaultResolver
from yarl import URL

from gateway import __version__
from gateway.net.address import AddressPolicy, GuardedResolver, calling, current_partner
from gateway.net.lookups import BoundedResolver
from gateway.net.tls import client_context
from gateway.net.trust import PartnerContexts, PartnerTls
from gateway.ocpi.errors import InternalError

_USER_AGENT: Final = f"ocpi-gateway/{__version__}"
_FINAL: Final = range(200, 600)
_VERSIONS: Final = frozenset({aiohttp.HttpVersion10, aiohttp.HttpVersion11})
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_AUTOMATIC_HEADERS: Final = ("Accept", "Accept-Encoding", "Content-Type")
_NO_PARTNERS: Final[Mapping[str, PartnerTls]] = {}


@dataclass(slots=True)
class Transmission:
    """How far a request got.

    Attributes:
        sent: its head was handed to the network, so the other side may have acted on it (handshake.md, SP4).
    """

    sent: bool = False


class HttpClient:
    """Sends each request exactly once and gives back the answer unread."""

    def __init__(
        self, session: ClientSession, policy: AddressPolicy | None = None, contexts: PartnerContexts | None = None
    ) -> None:
        _switch_off_resends(session)
        self._session = session
        self._policy = policy
        self._contexts = contexts or PartnerContexts({})

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: bytes | AsyncIterable[bytes] | None = None,
        partner: str | None = None,
        transmission: Transmission | None = None,
    ) -> aiohttp.ClientResponse:
        """Send one request and wait for the head of the answer, which the caller has to release or close.

        Args:
            url: sent exactly as written.
            headers: everything beside `Host`, `User-Agent` and the framing of the body.
            data: the body; streamed in chunks where it is an iterable and `headers` has no `Content-Length`.
            partner: for whom this is; rules and connections are kept apart by it.
            transmission: is told when the request went out.

        Raises:
            gateway.net.failures.FAILURES: no answer came, or the policy stands against it.
        """
        if self._policy is not None:
            self._policy.check_target(url, partner=partner)
        exact = URL(url, encoded=True)
        if url.endswith("?") and not exact.raw_query_string:
            exact = exact.with_path(exact.raw_path + "?", encoded=True)  # yarl drops one with nothing behind it
        with calling(host=exact.raw_host or "", partner=partner):
            return await self._session.request(
                method,
                exact,
                headers=headers,
                data=data,
                allow_redirects=False,
                ssl=await self._contexts.of(partner),
                trace_request_ctx=transmission,
            )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def backend_client(
    *,
    connect_seconds: float,
    answer_seconds: float,
    header_bytes: int = 8190,
    keep_alive_seconds: float = 15,
    connections: int = 512,
    ca_file: Path | None = None,
) -> HttpClient:
    """Make the client for the backend; has to be called in a running event loop.

    Args:
        connect_seconds: for a connection, the wait for a free one included.
        answer_seconds: for the head of the answer, and between two pieces of its body.
        header_bytes: the longest status line, and the longest single header.
        keep_alive_seconds: how long an idle connection is kept; 0 uses each once.
        connections: at most, at one time.
        ca_file: further certificate authorities to trust.
    """
    connector = _Connector(ssl=client_context(ca_file), limit=connections, **_keep_alive(keep_alive_seconds))
    return HttpClient(
        _session(connector, connect_seconds=connect_seconds, answer_seconds=answer_seconds, header_bytes=header_bytes)
    )


def partner_client(
    policy: AddressPolicy,
    *,
    connect_seconds: float,
    answer_seconds: float,
    header_bytes: int = 8190,
    keep_alive_seconds: float = 15,
    connections: int = 512,
    connections_per_partner: int = 64,
    ca_file: Path | None = None,
    partner_tls: Mapping[str, PartnerTls] = _NO_PARTNERS,
    resolver: AbstractResolver | None = None,
) -> HttpClient:
    """Make a client for partners; has to be called in a running event loop.

    Args:
        policy: which addresses may be called.
        connect_seconds: for a connection, the wait for a free one included.
        answer_seconds: for the head of the answer, and between two pieces of its body.
        header_bytes: the longest status line, and the longest single header.
        keep_alive_seconds: how long an idle connection is kept. 0 uses each once: right for the handshake, where a
            POST lost on a connection that the partner was just closing leaves its outcome unknown.
        connections: at most, at one time.
        connections_per_partner: at most, at one time, for each host of each partner.
        ca_file: further certificate authorities to trust.
        partner_tls: further authorities and client certificates of single partners, by name.
        resolver: in place of the system's.
    """
    connector = _Connector(
        ssl=client_context(ca_file),
        limit=connections,
        limit_per_host=connections_per_partner,
        resolver=GuardedResolver(policy, BoundedResolver(resolver or DefaultResolver())),
        use_dns_cache=False,  # a cached answer was judged for another partner
        socket_factory=policy.socket_factory,
        **_keep_alive(keep_alive_seconds),
    )
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_note_transmission)
    session = _session(
        connector,
        connect_seconds=connect_seconds,
        answer_seconds=answer_seconds,
        header_bytes=header_bytes,
        request_class=_PartnerRequest,
        trace_configs=[trace],
    )
    return HttpClient(session, policy, PartnerContexts(partner_tls, ca_file=ca_file))


class _Connector(TCPConnector):
    """Lends no idle connection on which something came that nobody asked for (hardening.md, R14).

    Otherwise that would be taken for the answer to the next request, and each answer for that of the one after.
    """

    async def _get(self, key: ConnectionKey, traces: list[Any]) -> Connection | None:
        while True:
            connection = await super()._get(key, traces)
            if connection is None or connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()


class _Answer(aiohttp.ClientResponse):
    """Takes none but a final answer of HTTP/1 without control characters in its headers (hardening.md, P5, R14).

    aiohttp's parser lets them pass, and keeps the connection even where it was told to switch protocols.
    """

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        protocol = connection.protocol
        await super().start(connection)
        proper = self.status in _FINAL and self.version in _VERSIONS
        if not proper or any(_CONTROL.search(value) for _, value in self.raw_headers):
            if protocol is not None:
                protocol.close()  # it may lie among the idle ones already, where closing the answer doesn't reach it
            raise aiohttp.ClientResponseError(self.request_info, self.history, status=self.status)
        return self


class _PartnerRequest(aiohttp.ClientRequest):
    """Keeps the connections of partners apart: an idle one that one partner may use is not lent to another."""

    @property
    def connection_key(self) -> ConnectionKey:
        return super().connection_key._replace(proxy_headers_hash=hash(current_partner()))


def _session(
    connector: TCPConnector, *, connect_seconds: float, answer_seconds: float, header_bytes: int, **options: Any
) -> ClientSession:
    return ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(connect=connect_seconds, sock_connect=connect_seconds, sock_read=answer_seconds),
        headers={"User-Agent": _USER_AGENT},
        skip_auto_headers=_NO_AUTOMATIC_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=header_bytes,
        max_field_size=header_bytes,
        response_class=_Answer,
        **options,
    )


async def _note_transmission(
    _session: ClientSession, context: SimpleNamespace, _parameters: aiohttp.TraceRequestHeadersSentParams
) -> None:
    transmission = context.trace_request_ctx
    if transmission is not None:
        transmission.sent = True


def _keep_alive(seconds: float) -> dict[str, Any]:
    return {"keepalive_timeout": seconds} if seconds > 0 else {"force_close": True}


def _switch_off_resends(session: ClientSession) -> None:
    """Switch off aiohttp's hidden second attempt, or refuse to start where its switch is gone.

    The switch is private; aiohttp's own test client uses it. tests/net/test_client.py counts requests on the wire.
    """
    if getattr(session, "_retry_connection", None) is not True:
        raise InternalError(
            "this version of aiohttp has no known switch for its hidden re-sends",
            remedy="Install the version of aiohttp that requirements/runtime.lock names",
        )
    session._retry_connection = False  # noqa: SLF001 - there is no public switch
