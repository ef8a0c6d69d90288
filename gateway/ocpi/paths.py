"""Request targets of the two listeners, read as the exact text that was received.

Nothing is normalised, decoded or redirected: what two readers could understand differently is refused, and the rest
travels on byte for byte (hardening.md, T8, P1, R10). The forms are those of contract.md, Public and Private listener.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.ocpi.vocabulary import CREDENTIALS, VERSIONS, InterfaceRole

_PLAIN: Final = r"[A-Za-z0-9._~!$&'()*+,=:@-]"
#: Escapes that hide nothing: no control characters, dots, slashes, backslashes or percent signs.
_ESCAPED: Final = r"%(?!2[5EFef]|5[Cc]|7[Ff]|[01])[0-9A-Fa-f]{2}"
_SEGMENT: Final = rf"/(?!\.{{1,2}}(?:[/?]|\Z)|/)(?:{_PLAIN}|{_ESCAPED})*"
_TARGET: Final = re.compile(rf"(?:{_SEGMENT})+(?:\?[\x21\x22\x24-\x7e]*)?")
#: A functional path without percent escapes, which is all that `check_path` and `read_public_path` say of such a one.
_FUNCTIONAL: Final = re.compile(
    rf"/ocpi/((?!versions/|\.{{1,2}}/){_PLAIN}++)/((?i:sender|receiver))/((?!\.{{1,2}}(?:[/?]|\Z)){_PLAIN}++)"
    rf"((?:/(?!\.{{1,2}}(?:[/?]|\Z)|/){_PLAIN}*+)*+)(\?[\x21\x22\x24-\x7e]*+|)"
)
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]*")
_ROLES: Final = {role.path_segment: role for role in InterfaceRole}


@dataclass(frozen=True, slots=True)
class VersionsPath:
    """The version list."""


@dataclass(frozen=True, slots=True)
class DetailsPath:
    """The details of one version."""

    version: str


@dataclass(frozen=True, slots=True)
class CredentialsPath:
    """The credentials endpoint of one version."""

    version: str


class FunctionalPath(NamedTuple):
    """Something of a functional module.

    Attributes:
        module: in lower case.
        rest: what follows the module, exactly as received: empty, or beginning with a slash.
        query: exactly as received: empty, or beginning with its question mark.
    """

    version: str
    role: InterfaceRole
    module: str
    rest: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class PartnerPath:
    """Something of a module of a partner that the path names; `rest` and `query` as in `FunctionalPath`.

    Attributes:
        partner: its name, or one of its parties as `CC-PID`.
    """

    partner: str
    role: InterfaceRole
    module: str
    rest: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class CallbackPath:
    """A `response_url` that we rewrote."""

    callback_id: str
    query: str = ""


PublicPath = VersionsPath | DetailsPath | CredentialsPath | FunctionalPath
PrivatePath = PartnerPath | FunctionalPath | CallbackPath


def check_path(target: str) -> None:
    """Refuse a request target that two readers could understand differently.

    Args:
        target: path and query exactly as received.

    Raises:
        ValueError: completes the sentence `the path ...`.
    """
    if not _TARGET.fullmatch(target):
        raise ValueError(_fault_of(target))
    if "%" in target:
        try:
            unquote_to_bytes(target.partition("?")[0]).decode()
        except UnicodeDecodeError:
            raise ValueError("holds percent escapes that are not UTF-8") from None


def is_canonical(target: str) -> bool:
    """Whether `check_path` accepts a target."""
    try:
        check_path(target)
    except ValueError:
        return False
    return True


def read_functional_path(target: str) -> FunctionalPath | None:
    """Check and read a target of a functional module in one go; None for any other, and for one with escapes."""
    match = _FUNCTIONAL.fullmatch(target)
    if match is None:
        return None
    version, word, module, rest, query = match.groups()
    return FunctionalPath(version, _ROLES[word.lower()], module.lower(), rest, query)


def read_public_path(target: str) -> PublicPath | None:
    """Read a checked target of the public listener; None for anything unknown.

    A trailing slash is tolerated. `version` is whatever stands there; the caller knows which are offered.
    """
    path, query = _split(target)
    head, root, version, *rest = [*path.split("/", 3), "", ""]
    if head or root != "ocpi" or not version:
        return None
    remainder = rest[0].removesuffix("/")
    if version == VERSIONS:
        return None if remainder else VersionsPath()
    if not remainder:
        return DetailsPath(version)
    if remainder.lower() == CREDENTIALS:
        return CredentialsPath(version)
    interface = _read_interface(rest[0])
    return None if interface is None else FunctionalPath(version, *interface, query)


def read_private_path(target: str) -> PrivatePath | None:
    """Read a checked target of the private listener; None for anything unknown."""
    path, query = _split(target)
    head, root, name, *rest = [*path.split("/", 3), "", ""]
    if head or not name:
        return None
    if root == "callbacks":
        return None if rest[0] else CallbackPath(name, query)
    interface = _read_interface(rest[0])
    if interface is None:
        return None
    if root == "partners":
        return PartnerPath(name, *interface, query)
    return FunctionalPath(name, *interface, query) if root == "ocpi" else None


def _split(target: str) -> tuple[str, str]:
    path, mark, query = target.partition("?")
    return path, mark + query


def _read_interface(text: str) -> tuple[InterfaceRole, str, str] | None:
    """Read `{sender|receiver}/{module}[/...]`; configuration modules are read too, and offered by nobody."""
    word, _, remainder = text.partition("/")
    module, slash, rest = remainder.partition("/")
    role = _ROLES.get(word.lower())
    return (role, module.lower(), slash + rest) if role is not None and module else None


def _fault_of(target: str) -> str:
    path = target.partition("?")[0]
    if not _VISIBLE.fullmatch(target):
        return "holds blanks, control characters or characters beyond ASCII"
    if "#" in target:
        return "holds a fragment"
    if not path.startswith("/"):
        return "does not begin with a slash"
    if "//" in path or {".", ".."} & set(path.split("/")):
        return "is not canonical: it holds '//', '.' or '..'"
    if "%" in _ESCAPE.sub("", path):
        return "holds a broken percent escape"
    if re.fullmatch(rf"(?:/|{_PLAIN}|{_ESCAPE.pattern})+", path):
        return "hides a dot, slash, backslash, percent sign or control character in a percent escape"
    return "holds a character that has to be percent-encoded"
