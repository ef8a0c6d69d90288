"""Versions and version details: reading a partner's with tolerance, choosing, and writing ours.

What differs between OCPI versions is the table `DIALECTS`; a version that isn't in it isn't spoken.
Source: OCPI 2.2.1, versions module; interop.md, Handshake documents.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.ocpi.partner import Endpoint
from gateway.ocpi.urls import check_url, resolve
from gateway.ocpi.vocabulary import CREDENTIALS, InterfaceRole


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one OCPI version differs where the gateway looks.

    Attributes:
        version: as written in documents and URLs.
        endpoint_roles: endpoints carry an InterfaceRole (since 2.2).
    """

    version: str
    endpoint_roles: bool = True


#: The versions that the gateway speaks, newest first.
DIALECTS: Final[Mapping[str, Dialect]] = {version: Dialect(version) for version in ("2.2.1", "2.2")}


#: What can name a module; anything else couldn't be a segment of a URL and is passed over.
_IDENTIFIER: Final = re.compile(r"\s*[\x21-\x7e]{1,64}\s*")


class UnreadableDocumentError(ValueError):
    """A versions or version details document can't be read; the text says what it lacks."""


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Sort versions numerically, newest first: 2.2.1 before 2.2."""
    return tuple(sorted(set(versions), key=_numbers, reverse=True))


def choose_version(offered: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The newest version that both sides know, or None."""
    return next((version for version in newest_first(wanted) if version in set(offered)), None)


def is_version_details(data: object) -> bool:
    """Whether a document is version details although versions were asked for (interop.md: hubs give either)."""
    return isinstance(data, Mapping) and isinstance(data.get("endpoints"), list)


def read_versions(data: object, *, base: str) -> dict[str, str]:
    """Read a version list as `{version: details URL}`; also wrapped in `versions`, also with relative URLs.

    Args:
        data: the `data` of the envelope.
        base: the URL the document came from.

    Raises:
        UnreadableDocumentError: it isn't a list of versions.
    """
    if isinstance(data, Mapping) and isinstance(data.get("versions"), list):
        data = data["versions"]
    elif isinstance(data, Mapping) and "version" in data:
        data = [data]
    if not isinstance(data, list):
        raise UnreadableDocumentError("the answer holds no list of versions")
    found: dict[str, str] = {}
    for entry in data:
        if isinstance(entry, Mapping) and isinstance(entry.get("version"), str) and isinstance(entry.get("url"), str):
            url = _absolute(entry["url"], base)
            if url is not None:
                found.setdefault(entry["version"].strip(), url)
    if data and not found:
        raise UnreadableDocumentError("no entry of the version list has a version and a URL")
    return found


def read_endpoints(data: object, *, base: str) -> tuple[Endpoint, ...]:
    """Read the endpoints of version details; unknown modules are kept, missing roles too, relative URLs resolved.

    Raises:
        UnreadableDocumentError: there is no list of endpoints, or the URL of one is unusable.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("endpoints"), list):
        raise UnreadableDocumentError("the answer holds no list of endpoints")
    found: dict[tuple[str, InterfaceRole | None], Endpoint] = {}
    for entry in data["endpoints"]:
        if not isinstance(entry, Mapping):
            continue
        identifier, reference = entry.get("identifier"), entry.get("url")
        if not isinstance(identifier, str) or not _IDENTIFIER.fullmatch(identifier) or not isinstance(reference, str):
            continue
        url = _absolute(reference, base)
        if url is None:
            raise UnreadableDocumentError("an endpoint's url is not a usable URL")
        endpoint = Endpoint(identifier.strip().lower(), _read_interface_role(entry.get("role")), url)
        found.setdefault((endpoint.identifier, endpoint.role), endpoint)
    return tuple(found.values())


def credentials_endpoint(endpoints: Iterable[Endpoint]) -> Endpoint | None:
    """Where a platform's credentials are, whichever side it lists them as (interop.md); None where it doesn't."""
    found = [endpoint for endpoint in endpoints if endpoint.identifier == CREDENTIALS]
    return next((endpoint for endpoint in found if endpoint.role is InterfaceRole.RECEIVER), next(iter(found), None))


def write_versions(public_url: str, versions: Sequence[str]) -> list[dict[str, str]]:
    """Our version list."""
    return [{"version": version, "url": f"{public_url}/ocpi/{version}"} for version in versions]


def write_version_details(
    public_url: str, version: str, modules: Iterable[tuple[str, InterfaceRole]]
) -> dict[str, Any]:
    """Our version details: credentials, then each configured module with its interface role.

    Credentials is listed once, as SENDER, which the specification advises although the role means nothing there
    (OCPI 2.2.1, versions, Endpoint class).
    """
    base = f"{public_url}/ocpi/{version}"
    endpoints = [{"identifier": CREDENTIALS, "role": InterfaceRole.SENDER.value, "url": f"{base}/{CREDENTIALS}"}]
    endpoints += [
        {"identifier": module, "role": role.value, "url": f"{base}/{role.path_segment}/{module}"}
        for module, role in modules
    ]
    return {"version": version, "endpoints": endpoints}


def missing_modules(endpoints: Sequence[Endpoint], required: Iterable[str]) -> tuple[str, ...]:
    """Which of the required modules (`module` or `module:ROLE`) a platform doesn't offer."""
    return tuple(name for name in required if not any(_satisfies(endpoint, name) for endpoint in endpoints))


def _satisfies(endpoint: Endpoint, required: str) -> bool:
    module, _, role = required.partition(":")
    return endpoint.serves(module.lower(), InterfaceRole(role.upper()) if role else None)


def _read_interface_role(value: object) -> InterfaceRole | None:
    try:
        return InterfaceRole(value.strip().upper()) if isinstance(value, str) else None
    except ValueError:
        return None


def _absolute(reference: str, base: str) -> str | None:
    try:
        return check_url(resolve(base, reference.strip()))
    except ValueError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isascii() and part.isdigit() else -1 for part in version.split("."))
