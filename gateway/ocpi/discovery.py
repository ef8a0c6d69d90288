"""Discovery: from a partner's versions URL and a token to its endpoints. Used in both roles and by rotation.

The tolerances of interop.md live here: either token form, versions without a token, a version-details document or a
base where the versions URL should be, a redirect that only adds a slash, relative URLs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.ocpi.authorization import header_value
from gateway.ocpi.envelope import Envelope, NotAnEnvelopeError, StatusCode
from gateway.ocpi.flow import Conversation, Fetch, FetchCause, FetchFailedError, HandshakeError, Reply
from gateway.ocpi.partner import Endpoint, Manners
from gateway.ocpi.urls import append_path, host_of, origin_of, path_of, resolve, with_slash_toggled
from gateway.ocpi.versions import (
    UnreadableDocumentError,
    choose_version,
    is_version_details,
    read_endpoints,
    read_versions,
)
from gateway.ocpi.vocabulary import TokenForm

GET_VERSIONS = "GET versions"
GET_DETAILS = "GET version details"

_REDIRECTS = frozenset({307, 308})
#: HTTP statuses by which a platform refuses a token.
REFUSALS = frozenset({401, 403})
_NOT_FOUND = 404

#: What a partner is told of an answer that isn't OCPI, or of none: more would tell a stranger what is where in our
#: network (hardening.md, URLs 6). Whoever answers in OCPI is told what was wrong with it.
_NO_DOCUMENT = "your platform could not be reached, or did not answer with HTTP 200 and an OCPI document"
_REFUSED = "your platform refused the credentials token that you gave us; it must be accepted before our answer"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to discover, and with which token.

    Attributes:
        url: what the partner called its versions URL.
        credentials_token: what it wants to be called with.
        manners: what is known of its habits; a new partner gets the defaults.
        fallback_token: an older token to try once when the new one is refused (handshake.md, RU2).
        hosts: host names its URLs may be on beside those of `url` and of the version details.
        only_hosts: the invitation named hosts: then `hosts` is all there is.
    """

    url: str
    credentials_token: str = field(repr=False)
    manners: Manners = field(default_factory=Manners)
    fallback_token: str | None = field(default=None, repr=False)
    hosts: frozenset[str] = frozenset()
    only_hosts: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found: the version, the endpoints, the URL that worked, and how the platform wants to be spoken to."""

    version: str
    versions_url: str
    endpoints: tuple[Endpoint, ...]
    manners: Manners


@dataclass(frozen=True, slots=True)
class _Document:
    url: str
    data: object
    form: TokenForm


def discover(target: Target, *, wanted: Sequence[str]) -> Conversation[Discovery]:
    """Fetch versions and the details of the newest version in `wanted` that the partner has too.

    Raises:
        HandshakeError: 3001 with the step that failed, or 3002 where there is no mutual version.
    """
    versions = yield from _find_versions(target)
    if is_version_details(versions.data):
        details, version = versions, _stated_version(versions, wanted)
    else:
        details, version = yield from _find_details(target, versions, wanted)
    endpoints = _checked_endpoints(details)
    _check_hosts(target, details.url, endpoints)
    form = details.form if details.form is not TokenForm.ABSENT else target.manners.token_form
    return Discovery(version, versions.url, endpoints, Manners(form, versions.form))


def answers_anybody(discovery: Discovery) -> Conversation[bool]:
    """Whether a platform's versions can be read without a token, so that reading them showed nothing of its form."""
    if discovery.manners.versions_form is TokenForm.ABSENT:
        return True
    request = Fetch(GET_VERSIONS, "GET", discovery.versions_url, {"Accept": "application/json"})
    try:
        reply = yield from fetch(request)
    except HandshakeError:  # it can't be told
        return False
    return reply.is_http_success


def _find_versions(target: Target) -> Conversation[_Document]:
    """Fetch the versions URL; where it is not found, what lies at `/versions` below it."""
    first = target.manners.versions_form
    try:
        return (yield from _document(target, GET_VERSIONS, target.url, _forms(first)))
    except HandshakeError as error:
        if error.http_status != _NOT_FOUND:
            raise
        try:
            return (yield from _document(target, GET_VERSIONS, append_path(target.url, "versions"), _forms(first)))
        except HandshakeError:
            raise error from None


def _find_details(target: Target, versions: _Document, wanted: Sequence[str]) -> Conversation[tuple[_Document, str]]:
    try:
        offered = read_versions(versions.data, base=versions.url)
    except UnreadableDocumentError as error:
        raise _unusable(GET_VERSIONS, str(error)) from None
    version = choose_version(offered, wanted)
    if version is None:
        raise _no_mutual_version(offered, wanted)
    _check_hosts(target, offered[version])
    first = versions.form if versions.form is not TokenForm.ABSENT else target.manners.token_form
    return (yield from _document(target, GET_DETAILS, offered[version], _forms(first))), version


def _document(target: Target, step: str, url: str, forms: Iterable[TokenForm]) -> Conversation[_Document]:
    """Fetch one document, trying the token in each form until one isn't refused, then the fall-back token."""
    attempts = [(target.credentials_token, form) for form in forms]
    if target.fallback_token is not None:
        attempts.insert(1, (target.fallback_token, attempts[0][1]))
    answered, reply = url, None
    for credentials_token, form in attempts:
        answered, reply = yield from _get(step, url, credentials_token, form)
        if reply.http_status not in REFUSALS:
            return _Document(answered, _read(step, reply), form)
    raise HandshakeError(
        f"their platform refused the token in every form (HTTP {reply.http_status if reply else 0})",
        step=step,
        status_code=StatusCode.UNABLE_TO_USE_CLIENT_API,
        public_message=_REFUSED,
        remedy="Ask the partner whether it has stored the token, and whether it accepts it before the handshake ends",
        http_status=reply.http_status if reply else None,
    )


def _get(step: str, url: str, credentials_token: str, form: TokenForm) -> Conversation[tuple[str, Reply]]:
    """GET once; follow one redirect that only toggles the trailing slash on the same origin."""
    headers = {"Accept": "application/json"}
    if form is not TokenForm.ABSENT:
        headers["Authorization"] = header_value(credentials_token, form)
    reply = yield from fetch(Fetch(step, "GET", url, headers))
    if reply.http_status not in _REDIRECTS:
        return url, reply
    moved = slash_redirect(url, reply)
    if moved is None:
        raise _no_document(step, f"their platform redirected elsewhere (HTTP {reply.http_status})")
    return moved, (yield from fetch(Fetch(step, "GET", moved, headers)))


def fetch(request: Fetch) -> Conversation[Reply]:
    """Send one request; a failure to get an answer becomes a failure of its step."""
    try:
        return (yield request)
    except FetchFailedError as error:
        raise HandshakeError(
            error.message,
            step=request.step,
            status_code=StatusCode.UNABLE_TO_USE_CLIENT_API,
            public_message=_to_partner(error.message) if error.cause is FetchCause.URL else _NO_DOCUMENT,
            remedy=error.remedy,
            outcome_unknown=error.sent,
        ) from error


def slash_redirect(url: str, reply: Reply) -> str | None:
    """Where a 307 or 308 leads, if that is the same origin and only the trailing slash differs."""
    location = reply.headers.get("location")
    if reply.http_status not in _REDIRECTS or not location:
        return None
    toggled = with_slash_toggled(url)
    try:
        moved = resolve(url, location)
        same_origin = origin_of(moved) == origin_of(url)
    except ValueError:
        return None
    return toggled if same_origin and path_of(moved) == path_of(toggled) else None


def _read(step: str, reply: Reply) -> object:
    if not reply.is_http_success:
        raise _no_document(step, f"their platform answered HTTP {reply.http_status}", http_status=reply.http_status)
    try:
        envelope = Envelope.read(reply.body)
    except NotAnEnvelopeError as error:
        raise _no_document(step, f"their platform's answer is not OCPI: {error}") from None
    if not envelope.is_success:
        raise _unusable(step, f"their platform answered OCPI status {envelope.status_code}")
    return envelope.data


def _stated_version(details: _Document, wanted: Sequence[str]) -> str:
    """The version of a details document that came instead of the list; where it names none, the newest is assumed."""
    stated = details.data.get("version") if isinstance(details.data, dict) else None
    version = choose_version([stated] if isinstance(stated, str) else wanted, wanted)
    if version is None:
        raise _no_mutual_version([str(stated)], wanted)
    return version


def _checked_endpoints(details: _Document) -> tuple[Endpoint, ...]:
    try:
        return read_endpoints(details.data, base=details.url)
    except UnreadableDocumentError as error:
        raise _unusable(GET_DETAILS, str(error)) from None


def _check_hosts(target: Target, details_url: str, endpoints: Sequence[Endpoint] = ()) -> None:
    """Bind a partner's URLs to its hosts (hardening.md, URLs 2).

    Hosts named at the invitation are all there is; otherwise endpoints lie where the versions or their details lie.
    """
    own = frozenset() if target.only_hosts else {host_of(target.url), host_of(details_url)}
    for url in (details_url, *(endpoint.url for endpoint in endpoints)):
        if host_of(url) not in target.hosts | own:
            raise HandshakeError(
                f"a URL there is on the host {host_of(url)}, which is not one of this partner's",
                step=GET_DETAILS,
                status_code=StatusCode.UNABLE_TO_USE_CLIENT_API,
                public_message="a URL there is on a host that is not one of yours",
                remedy="If that is right, allow the host: partners.NAME.allowed_hosts in the configuration",
            )


def _forms(first: TokenForm) -> Iterator[TokenForm]:
    """The known form, the other form once, then no token at all: some versions endpoints refuse any."""
    yield from dict.fromkeys((first, TokenForm.BASE64, TokenForm.PLAIN, TokenForm.ABSENT))


def _unusable(step: str, message: str) -> HandshakeError:
    """It answered in OCPI, and something is wrong with what it said."""
    return HandshakeError(
        message, step=step, status_code=StatusCode.UNABLE_TO_USE_CLIENT_API, public_message=_to_partner(message)
    )


def _no_document(step: str, message: str, *, http_status: int | None = None) -> HandshakeError:
    return HandshakeError(
        message,
        step=step,
        status_code=StatusCode.UNABLE_TO_USE_CLIENT_API,
        public_message=_NO_DOCUMENT,
        http_status=http_status,
    )


def _to_partner(message: str) -> str:
    return message.replace("their platform", "your platform")


def _no_mutual_version(offered: Iterable[str], wanted: Iterable[str]) -> HandshakeError:
    theirs = ", ".join(sorted(version[:10] for version in offered if version.isprintable())[:10]) or "none"
    return HandshakeError(
        f"no mutual OCPI version: they offer {theirs}; wanted is {', '.join(wanted)}",
        step=GET_VERSIONS,
        status_code=StatusCode.UNSUPPORTED_VERSION,
        public_message=f"no mutual OCPI version; wanted is {', '.join(wanted)}",
    )
