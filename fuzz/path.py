"""Request targets (gateway.ocpi.paths)."""

from urllib.parse import unquote, urljoin, urlsplit

from gateway.ocpi.paths import (
    CallbackPath,
    CredentialsPath,
    DetailsPath,
    FunctionalPath,
    PartnerPath,
    PrivatePath,
    PublicPath,
    VersionsPath,
    check_path,
    is_canonical,
    read_private_path,
    read_public_path,
)


def check(data: bytes) -> None:
    """A target is refused in a sentence that quotes nothing of it, or has one reading, of which no byte is lost."""
    target = data.decode("utf-8", "surrogateescape")
    try:
        check_path(target)
    except ValueError as error:
        assert str(error).isascii()
        assert str(error).isprintable()
        assert not is_canonical(target)
        return
    path, _, query = target.partition("?")
    decoded = unquote(path, errors="strict")
    assert target.isascii()
    assert target.isprintable()
    assert " " not in target
    assert decoded.count("/") == path.count("/")
    assert not {".", ".."} & set(decoded.split("/"))
    assert "//" not in decoded
    assert not {"%", "\\", "\x7f", *map(chr, range(0x20))} & set(decoded)
    assert urlsplit(f"http://backend{target}")[1:] == ("backend", path, query, "")
    assert urljoin("http://backend", path) == f"http://backend{path}"
    for found in (read_public_path(target), read_private_path(target)):
        assert found is None or _is_written_as(target, found)


def _is_written_as(target: str, found: PublicPath | PrivatePath) -> bool:
    """Whether a target is what was read in it: what travels on byte for byte, the rest but for letter case."""
    match found:
        case VersionsPath():
            head, tail = "/ocpi/versions", None
        case DetailsPath(version):
            head, tail = f"/ocpi/{version}", None
        case CredentialsPath(version):
            head, tail = f"/ocpi/{version}/credentials", None
        case CallbackPath(callback_id, query):
            head, tail = f"/callbacks/{callback_id}", query
        case FunctionalPath(version, role, module, rest, query):
            head, tail = f"/ocpi/{version}/{role.path_segment}/{module}", rest + query
        case PartnerPath(partner, role, module, rest, query):
            head, tail = f"/partners/{partner}/{role.path_segment}/{module}", rest + query
    got = target[len(head) :]
    assert target[: len(head)].lower() == head.lower()
    if tail is None or isinstance(found, CallbackPath):  # a slash at the end is tolerated
        return got.removeprefix("/")[:1] in {"", "?"} and (tail is None or got.removeprefix("/") == tail)
    return got == tail and is_canonical(f"/x{tail}")
