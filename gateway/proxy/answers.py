"""The head of an answer: what travels back, with `Link` and `Location` leading back through us.

A link keeps its shape where the other side's URLs lie below the module that was asked; any other is sealed into one
path segment, which works any number of times and across restarts (interop.md, Traffic; hardening.md, P6, H7).
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from gateway.net.http1 import AnswerHead, status_line
from gateway.observe.call import Call
from gateway.ocpi.links import Link, as_uri, read_links, rest_below
from gateway.ocpi.paths import is_canonical
from gateway.ocpi.urls import host_of, path_of, resolve
from gateway.proxy import heads
from gateway.proxy.heads import Secrets
from gateway.proxy.sides import OtherSide
from gateway.store.vault import Vault

_SEALED: Final = re.compile(r"/~([A-Za-z0-9_-]{39,})")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SCHEMES: Final = ("http://", "https://")


class UsualHead(NamedTuple):
    """What all answers of one form have in common as they travel back.

    Attributes:
        start: their heads up to the first message id.
        is_dated: whether there is a `Date` in it.
    """

    start: str
    is_dated: bool


class Links(Protocol):
    """Turns URLs of the other side into ours."""

    def lead_back(self, reference: str) -> str | None:
        """The URL of ours that leads to a reference of the answer; None where none can."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals targets into path segments, for one partner and one interface.

    Attributes:
        binding: whom and what for: a segment is good for nothing else.
    """

    vault: Vault
    binding: str

    def close(self, target: str) -> str:
        """The path segment, with its slash, that stands for a target."""
        return "/~" + self.vault.seal_link(target, binding=self.binding)

    def open(self, sealed: str) -> str | None:
        """The target behind what `sealed_in` found; None for what isn't ours."""
        return self.vault.open_link(sealed, binding=self.binding)


@dataclass(frozen=True, slots=True)
class BackendLinks:
    """Links of the backend, for partners. Whatever host it calls itself, only the path counts.

    Attributes:
        requested: the URL that was asked, against which relative links are read.
        path: of the module at the backend.
        public_url: of the gateway; a link that begins with it leads back already.
        base: public URL of the module.
    """

    requested: str
    path: str
    public_url: str
    base: str
    seal: Seal

    def lead_back(self, reference: str) -> str | None:
        """The public URL that leads to a reference of the backend; None for one that isn't http."""
        url = _absolute(self.requested, reference)
        if url is None or url.startswith(f"{self.public_url}/ocpi/"):
            return url
        target = path_of(url)
        rest = rest_below(self.path, target)
        if rest is None or not is_canonical(f"/x{rest}") or rest.startswith("/~"):
            rest = self.seal.close(target)
        return self.base + rest


@dataclass(frozen=True, slots=True)
class PartnerLinks:
    """Links of a partner, for the backend.

    Attributes:
        requested: the URL that was asked, against which relative links are read.
        endpoint: the partner's URL of the module.
        hosts: host names of the partner; links elsewhere would take its token to strangers.
        base: URL of the module at our private listener.
        secrets: finds what may only travel back sealed: the token that the partner was called with.
    """

    requested: str
    endpoint: str
    hosts: Collection[str]
    base: str
    seal: Seal
    secrets: Secrets

    def lead_back(self, reference: str) -> str | None:
        """The private URL that leads to a reference of the partner; None for one on a foreign host."""
        url = _absolute(self.requested, reference)
        if url is None or host_of(url) not in self.hosts:
            return None
        if host_of(url) == host_of(self.endpoint) and "?" not in self.endpoint:
            rest = rest_below(path_of(self.endpoint).rstrip("/"), path_of(url))
            if rest is not None and self._may_show(rest):
                return self.base + rest
        return self.base + self.seal.close(url)

    def _may_show(self, rest: str) -> bool:
        return is_canonical(f"/x{rest}") and not rest.startswith("/~") and not self.secrets.are_in(rest)


def head_of(
    answer: AnswerHead,
    call: Call,
    *,
    side: OtherSide,
    links: Links | None,
    secrets: Secrets | None = None,
) -> str:
    """Make the headers of our answer: whole lines, each with its line end.

    Args:
        links: None where no link is expected: then none travels back.
        secrets: finds what must not travel back.

    Raises:
        RefusedError: a redirect or the link to the next page can't be led back: leaving it out would lose data.
    """
    form = answer.form
    form.seen = True
    kept = heads.returned(form, secrets=secrets)
    is_led = "link" in form.headers or "location" in form.headers
    headers = f"{kept}X-Request-ID: {call.request_id}\r\nX-Correlation-ID: {call.correlation_id}\r\n"
    return headers if links is None or not is_led else headers + heads.as_text(_led(answer, call, side, links, secrets))


def usual_head(answer: AnswerHead, secrets: Secrets) -> UsualHead | None:
    """What the heads of answers of this form begin with; None where each needs a thought, or has no body."""
    headers = answer.form.headers
    if "link" in headers or "location" in headers or answer.is_bodiless:
        return None
    kept = heads.returned(answer.form, secrets=secrets)
    return UsualHead(f"{status_line(answer.http_status)}{kept}X-Request-ID: ", is_dated="date" in headers)


def _led(answer: AnswerHead, call: Call, side: OtherSide, links: Links, secrets: Secrets | None) -> Iterator[str]:
    """The lines of the answer's links that travel back."""
    for given in _values(answer, "link"):
        kept = [_led_back(link, side=side, links=links, secrets=secrets) for link in read_links(given)]
        if any(kept):
            yield _as_bytes(f"Link: {', '.join(filter(None, kept))}")
    location = next(_values(answer, "location"), None)
    target = links.lead_back(location) if location else None
    if target is not None:
        yield _as_bytes(f"Location: {target}")
    elif location and answer.http_status in _REDIRECTS:
        raise side.unusable("redirected elsewhere")
    elif location:
        call.reason = f"{side.name} gave a Location that leads elsewhere; it was left out"


def _values(answer: AnswerHead, name: str) -> Iterator[str]:
    """The values of a header, read as UTF-8; what isn't stays recognizable as bytes."""
    if name in answer.headers:
        for line in answer.form.lines:
            found, _, value = line.partition(": ")
            if found.lower() == name:
                yield value if value.isascii() else value.encode("latin-1").decode(errors="surrogateescape")


def _as_bytes(line: str) -> str:
    """A line as it is written: Latin-1, which stands for the bytes of UTF-8."""
    return line if line.isascii() else line.encode(errors="surrogateescape").decode("latin-1")


def _led_back(link: Link, *, side: OtherSide, links: Links, secrets: Secrets | None) -> str:
    """A link as it travels back; empty where it leads nowhere and is none to the next page."""
    target = links.lead_back(link.target)
    if target is None:
        if link.is_next:
            raise side.unusable("gave a link to the next page that leads elsewhere")
        return ""
    # Where a parameter names an address, all that is said about the link counts less than where it leads.
    parameters = link.relation if secrets and secrets.are_in(link.parameters) else link.parameters
    return str(replace(link, target=target, parameters=parameters))


def sealed_in(rest: str) -> str | None:
    """The sealed target in what follows a module in a path; None where there is none."""
    match = _SEALED.fullmatch(rest)
    return None if match is None else match[1]


def with_query(url: str, query: str) -> str:
    """Append a raw query, which begins with its question mark if there is one, to a URL that may have one."""
    if "?" not in url:
        return url + query
    return f"{url}&{query[1:]}" if query[1:] else url


def _absolute(base: str, reference: str) -> str | None:
    """An http URL without fragment; None for anything else."""
    try:
        url = resolve(base, as_uri(reference.strip())).partition("#")[0]
        host = host_of(url)
    except ValueError:
        return None
    return url if host and url.lower().startswith(_SCHEMES) else None
