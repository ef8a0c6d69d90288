"""How the demonstration speaks of tokens and messages: TOKEN_A, B and C by name and shortened, bodies in a few words.

The sample platforms put what they see into these words themselves, so no whole token ever reaches their output.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.ocpi.authorization import candidates
from gateway.ocpi.envelope import NotAnEnvelopeError, read_json_object

_SHOWN: Final = 10
_FEW: Final = 4

#: Headers whose rewriting is the point of a gateway.
_TELLING_HEADERS: Final = ("Link", "Location", "Allow")


class TokenBook:
    """The names of tokens: told, or learned from the credentials that pass by.

    Whichever platform is the Sender, its POST brings TOKEN_B and the answer brings TOKEN_C (OCPI 2.2.1, credentials).
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, value: str, name: str) -> None:
        """Call a token by a name from now on."""
        self._names[value] = name

    def find(self, name: str) -> str | None:
        """The token that goes by a name."""
        return next((value for value, given in self._names.items() if given == name), None)

    def forget(self) -> None:
        """Start anew: the next handshake makes other tokens."""
        self._names.clear()

    def learn(self, document: Any, *, name: str) -> None:
        """Take the token out of a credentials object, unless it has a name already."""
        if _is_credentials(document):
            self._names.setdefault(document["token"], name)

    def describe(self, value: str) -> str:
        """The name of a token and its first characters."""
        return f"{self._names.get(value, 'an unknown token')} {value[:_SHOWN]}..."

    def describe_header(self, header: str | None) -> str:
        """What an Authorization header presents."""
        if header is None:
            return "no token"
        readings = [header.rpartition(" ")[2], *(value for _, value in candidates(header, bearer=True))]
        known = [value for value in readings if value in self._names]
        return self.describe(known[0] if known else readings[-1])


def describe_body(body: bytes, book: TokenBook) -> str:
    """Say what a request or an answer carries; for an answer that is its `data`, or the message of a failure."""
    document = read_document(body)
    if isinstance(document, dict) and "status_code" in document:
        document = document.get("data") or document.get("status_message")
    return _describe(document, book)


def describe_headers(headers: Mapping[str, str]) -> str:
    """The links and the like among the headers of an answer."""
    lowered = {name.lower(): value for name, value in headers.items()}
    return ", ".join(f"{name}: {lowered[name.lower()]}" for name in _TELLING_HEADERS if name.lower() in lowered)


def read_document(body: bytes) -> Any:
    """The JSON object of a body, or None."""
    try:
        return read_json_object(body) if body else None
    except NotAnEnvelopeError:
        return None


def _describe(document: Any, book: TokenBook) -> str:
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return _describe_list(document)
    if not isinstance(document, dict):
        return ""
    if _is_credentials(document):
        parties = ", ".join(f"{role['role']} {role['country_code']}-{role['party_id']}" for role in document["roles"])
        return f"{book.describe(document['token'])}, url {document.get('url')}, {parties}"
    if "endpoints" in document:
        modules = dict.fromkeys(str(endpoint["identifier"]) for endpoint in document["endpoints"])
        return f"endpoints of {', '.join(modules)}"
    telling = (name for name in ("result", "response_url", "id", "uid") if name in document)
    return ", ".join(f"{name} {document[name]}" for name in telling)


def _describe_list(documents: list[Any]) -> str:
    if documents and all("version" in document for document in documents):
        return "versions " + ", ".join(document["version"] for document in documents)
    names = [str(document.get("id") or document.get("uid")) for document in documents]
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return f"{len(names)} object{'' if len(names) == 1 else 's'}: {', '.join(names[:_FEW])}{more}"


def _is_credentials(document: Any) -> bool:
    """A credentials object has roles; the token of a command is a driver's card."""
    return isinstance(document, dict) and isinstance(document.get("token"), str) and "roles" in document
