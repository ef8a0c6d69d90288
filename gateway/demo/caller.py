"""How the sample platforms call the gateway: one request, told before and after; and a list read page by page."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.demo.report import Reporter
from gateway.demo.words import read_document
from gateway.net.client import HttpClient
from gateway.net.fetch import fetch
from gateway.ocpi.errors import PartnerError
from gateway.ocpi.flow import Fetch, FetchFailedError, Reply
from gateway.ocpi.urls import resolve

_TIMEOUT_SECONDS: Final = 20
_MAX_BYTES: Final = 1 << 20
_MAX_PAGES: Final = 20
_NEXT: Final = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


class UnexpectedAnswerError(PartnerError):
    """The other side answered, but not what the sample platform needs to go on."""


@dataclass(frozen=True, slots=True)
class Pages:
    """A list that was read page by page.

    Attributes:
        urls: of the pages, in order.
        objects: of all pages.
    """

    urls: tuple[str, ...]
    objects: tuple[Any, ...]

    def summary(self) -> dict[str, Any]:
        """What the demonstration wants to know of it."""
        return {"urls": self.urls, "ids": [document.get("id") or document.get("uid") for document in self.objects]}


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls the gateway on behalf of one sample platform."""

    client: HttpClient
    reporter: Reporter

    async def send(self, request: Fetch) -> Reply:
        """Send one request and tell about it.

        Raises:
            FetchFailedError: no usable answer came.
        """
        headers = {**request.headers, **({"Content-Type": "application/json"} if request.body else {})}
        exchange = self.reporter.outgoing(
            request.method, request.url, headers.get("Authorization"), request.body or b""
        )
        request = Fetch(request.step, request.method, request.url, headers, request.body)
        try:
            reply = await fetch(self.client, request, timeout_seconds=_TIMEOUT_SECONDS, max_bytes=_MAX_BYTES)
        except FetchFailedError as error:
            self.reporter.failed(exchange, error.message)
            raise
        self.reporter.answered(exchange, reply)
        return reply

    async def call(self, method: str, url: str, *, headers: Mapping[str, str], document: Any = None) -> Reply:
        """Send one request that has to succeed, by HTTP and by OCPI.

        Raises:
            FetchFailedError: no usable answer came.
            UnexpectedAnswerError: it was refused; says how.
        """
        body = None if document is None else json.dumps(document).encode()
        reply = await self.send(Fetch(f"{method} {url}", method, url, headers, body))
        answered = read_document(reply.body) or {}
        if reply.http_status not in {200, 201} or answered.get("status_code") != 1000:  # noqa: PLR2004 - success
            said = f"HTTP {reply.http_status}, OCPI {answered.get('status_code')}: {answered.get('status_message')}"
            raise UnexpectedAnswerError(f"{method} {url} was answered {said}")
        return reply

    async def pull(self, url: str, *, headers: Mapping[str, str]) -> Pages:
        """Read a list to its end, following `Link` (OCPI 2.2.1, transport and format, Pagination).

        Raises:
            FetchFailedError, UnexpectedAnswerError: as `call`; also where the list has no end.
        """
        urls: list[str] = []
        objects: list[Any] = []
        following: str | None = url
        while following is not None:
            if len(urls) == _MAX_PAGES:
                raise UnexpectedAnswerError(f"the list at {url} has more than {_MAX_PAGES} pages")
            reply = await self.call("GET", following, headers=headers)
            urls.append(following)
            objects += (read_document(reply.body) or {}).get("data") or []
            link = _NEXT.search(reply.headers.get("link", ""))
            following = resolve(following, link[1]) if link else None
        return Pages(tuple(urls), tuple(objects))
