"""TLS contexts: at least TLS 1.2, certificates always checked, files that can't be used explained."""

import ssl
from pathlib import Path

from gateway.ocpi.errors import OperatorError


class TlsFilesError(OperatorError):
    """Files of certificates or keys can't be used; the message names them."""


def client_context(*ca_files: Path | None) -> ssl.SSLContext:
    """Make a context for calling others: the system's authorities, and those of further PEM files.

    Raises:
        TlsFilesError: a file can't be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for ca_file in filter(None, ca_files):
        _trust(context, ca_file)
    return context


def load_client_certificate(context: ssl.SSLContext, *, certificate: Path, key: Path | None) -> None:
    """Let a context show a certificate chain to those who ask for one; PEM, the key without a passphrase.

    Args:
        key: None where it lies in the file of the certificate.

    Raises:
        TlsFilesError: a file can't be read, or the key does not belong to the certificate.
    """
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:
        raise TlsFilesError(
            f"the client certificate {certificate} with the key {key or certificate} can't be used: {_words(error)}",
            remedy="Both have to be readable PEM files that belong together, the key without a passphrase",
        ) from None


def server_context(
    *, certificate: Path, key: Path, client_ca: Path | None = None, client_certificate_required: bool = True
) -> ssl.SSLContext:
    """Make a context for a listener from a certificate chain and a key without a passphrase, both PEM.

    Args:
        client_ca: authorities that clients' certificates must come from; without it none is asked for.

    Raises:
        TlsFilesError: a file can't be read, or the key does not belong to the certificate.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A passphrase would be asked for on the terminal, and a server hang there.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:
        raise TlsFilesError(
            f"the certificate {certificate} with the key {key} can't be used: {_words(error)}",
            remedy="Both have to be readable PEM files that belong together, the key without a passphrase",
        ) from None
    if client_ca is not None:
        _trust(context, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if client_certificate_required else ssl.CERT_OPTIONAL
    return context


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:
        raise TlsFilesError(
            f"the file of certificate authorities {ca_file} can't be used: {_words(error)}",
            remedy="It has to be readable and hold certificates in PEM form",
        ) from None


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not in PEM form").replace("_", " ").lower()
    return error.strerror or type(error).__name__
