"""What the configuration needs from the machine: the files it names, and a place for the database.

Apart from loading, because a configuration may be written on another machine than it runs on; `validate` and start-up
do both (operations.md, validate).
"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from gateway.config.loader import Loaded
from gateway.config.model import Config
from gateway.config.network import PartnerSettings, Tls
from gateway.config.problems import Finding, KeyPath, Problem


def check_environment(loaded: Loaded) -> tuple[Problem, ...]:
    """Look for every file that the configuration names; empty where all is well. Changes nothing."""
    return tuple(map(loaded.locator.problem, _findings(loaded.config)))


def _findings(config: Config) -> Iterator[Finding]:
    if config.listen.public.tls is not None:
        yield from _check_tls(config.listen.public.tls)
        yield from _check_ca_file(("listen", "public", "tls", "client_ca"), config.listen.public.tls.client_ca)
    yield from _check_ca_file(("outbound", "ca_file"), config.outbound.ca_file)
    for name, settings in config.partners.items():
        yield from _check_partner(("partners", name), settings)
    if config.sqlite_path is not None:
        yield from _check_database(config.sqlite_path)


def _check_tls(tls: Tls) -> Iterator[Finding]:
    key_path: KeyPath = ("listen", "public", "tls")
    unreadable = [
        *_check_readable((*key_path, "certificate"), tls.certificate),
        *_check_readable((*key_path, "key"), tls.key),
    ]
    yield from unreadable
    if unreadable:
        return
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key, password=_refuse_passphrase)
    except (ssl.SSLError, ValueError):
        yield Finding(key_path, "certificate and key are not a matching pair in PEM form, or the key has a passphrase")


def _refuse_passphrase() -> str:
    """Without this OpenSSL would ask for one on the terminal."""
    raise ValueError


def _check_partner(key_path: KeyPath, settings: PartnerSettings) -> Iterator[Finding]:
    yield from _check_ca_file((*key_path, "ca_file"), settings.ca_file)
    if settings.client_certificate is not None:
        yield from _check_client_certificate(key_path, settings.client_certificate, settings.client_key)


def _check_client_certificate(key_path: KeyPath, certificate: Path, key: Path | None) -> Iterator[Finding]:
    """Look at the certificate first, because OpenSSL doesn't tell which of the two files it stumbled over."""
    at_certificate, at_key = (*key_path, "client_certificate"), (*key_path, "client_key")
    unusable = list(_check_ca_file(at_certificate, certificate))
    if key is not None:
        unusable += _check_readable(at_key, key)
    yield from unusable
    if unusable:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=_refuse_passphrase)
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            yield Finding(at_key if key else at_certificate, "is the key of another certificate")
        elif key is not None:
            yield Finding(at_key, "holds no private key in PEM form, or one with a passphrase")
        else:
            yield Finding(at_certificate, "holds no private key in PEM form beside it", "name its file in client_key")


def _check_ca_file(key_path: KeyPath, path: Path | None) -> Iterator[Finding]:
    if path is None:
        return
    unreadable = list(_check_readable(key_path, path))
    yield from unreadable
    if unreadable:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        yield Finding(key_path, "holds no certificates in PEM form")


def _check_readable(key_path: KeyPath, path: Path) -> Iterator[Finding]:
    try:
        path.open("rb").close()
    except OSError as error:
        yield Finding(key_path, f"the file {str(path)!r} can't be read: {error.strerror}")


def _check_database(path: Path) -> Iterator[Finding]:
    try:
        existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    except OSError as error:
        yield Finding(("database",), f"{str(path)!r} can't be reached: {error.strerror}")
        return
    if existing == path and path.is_dir():
        yield Finding(("database",), f"{str(path)!r} is a folder", "name a file in it")
    elif existing == path:
        yield from _check_readable(("database",), path)  # one on a read-only disk serves those who are registered
    elif not existing.is_dir():
        yield Finding(("database",), f"{str(existing)!r} is not a folder", "name another one")
    elif not os.access(existing, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        yield Finding(("database",), f"{str(existing)!r} is not writable for this user", "change its owner or mode")
