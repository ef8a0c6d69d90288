"""Why a request to somebody else got no answer, in words and as a cause: aiohttp's exceptions stop here.

The words never hold an address, a header or a piece of the answer: they go to logs and terminals, and aiohttp's own
texts and representations hold all three (hardening.md, T7).
"""

import errno
import ssl
from dataclasses import dataclass
from typing import Final

import aiohttp

from gateway.net.address import AddressRefusedError, HostRefusedError, UrlRefusedError
from gateway.net.http1 import MalformedError
from gateway.net.outbound import CutOffError
from gateway.net.pool import ConnectError, ConnectTimeoutError
from gateway.net.tls import TlsFilesError
from gateway.ocpi.errors import GatewayError
from gateway.ocpi.flow import FetchCause

#: Everything that calling others may raise where no answer came.
FAILURES: Final = (
    aiohttp.ClientError, ConnectError, MalformedError, OSError, TimeoutError, UrlRefusedError, TlsFilesError
)  # fmt: skip

# Codes of X509_verify_cert: OpenSSL's texts for them hold host names and addresses.
_CERTIFICATE_WORDS: Final = {
    9: "has a certificate that is not valid yet",
    10: "has a certificate that has expired",
    18: "has a certificate that is self-signed",
    19: "has a certificate from an authority that is not trusted",
    20: "has a certificate from an authority that is not trusted, or sends an incomplete chain",
    21: "sends an incomplete certificate chain",
    62: "has a certificate for another host name",
    64: "has a certificate for another address",
}
#: Some servers say nothing but this to whoever shows no certificate; it may have other reasons too.
_HANDSHAKE_FAILURE: Final = "ALERT_HANDSHAKE_FAILURE"
_CERTIFICATE_REQUIRED: Final = "ALERT_CERTIFICATE_REQUIRED"
#: Ends of OpenSSL's names for the alerts by which a server refuses the certificate that it was shown.
_CERTIFICATE_REFUSED: Final = (
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)
_NAME_AUTHORITY: Final = "Name the authority in partners.NAME.ca_file or outbound.ca_file if it is a private one"
_NAME_CERTIFICATE: Final = "Name the certificate that the partner expects in partners.NAME.client_certificate"
_UNREACHABLE: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN})


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened, for a sentence that starts with the name of the other side.

    Attributes:
        words: such as `refused the connection`.
        remedy: what to do; may be empty.
        turned_away: there was no connection, and that was clear at once: nothing was sent, and trying again may do.
    """

    cause: FetchCause
    words: str
    remedy: str = ""
    turned_away: bool = False


def explain(error: BaseException) -> Failure:
    """Say what one of `FAILURES` means."""
    if isinstance(error, GatewayError):
        return _explain_refusal(error)
    if (alert := _alert(error)) is not None:
        return alert
    if isinstance(error, ConnectError):
        return _explain_connect(error.os_error, resolving=error.resolving)
    if isinstance(error, aiohttp.ClientConnectorError):
        return _explain_connect(error.os_error, resolving=isinstance(error, aiohttp.ClientConnectorDNSError))
    if isinstance(error, aiohttp.ConnectionTimeoutError | ConnectTimeoutError):
        return Failure(FetchCause.TIMEOUT, "did not accept the connection in time")
    if isinstance(error, TimeoutError):
        return Failure(FetchCause.TIMEOUT, "did not answer in time")
    if isinstance(error, aiohttp.InvalidURL):
        return Failure(FetchCause.URL, "has a URL that can not be called")
    if isinstance(error, aiohttp.ClientPayloadError | CutOffError):
        return Failure(FetchCause.RESET, "ended the connection before the answer was complete, or mangled it")
    if isinstance(error, aiohttp.ClientResponseError | MalformedError):
        return Failure(FetchCause.MALFORMED, "sent an answer that is not valid HTTP, or a header that is too long")
    return Failure(FetchCause.RESET, "closed the connection without an answer")


def _explain_refusal(error: GatewayError) -> Failure:
    """We refused to call, before anything went out."""
    if isinstance(error, HostRefusedError):
        return Failure(FetchCause.POLICY, "has a host name that leads to an address that is not allowed", error.remedy)
    cause = FetchCause.POLICY if isinstance(error, TlsFilesError) else FetchCause.URL
    return Failure(cause, f"can not be called: {error.message}", error.remedy)


def _explain_connect(error: OSError, *, resolving: bool) -> Failure:
    if isinstance(error, AddressRefusedError):
        return Failure(
            FetchCause.POLICY,
            "has an address that is not allowed",
            "Allow it under egress.allow if it is meant to be called",
        )
    if resolving:
        return Failure(FetchCause.DNS, "has a host name that does not resolve")
    if isinstance(error, ssl.CertificateError):
        return _explain_certificate(error)
    if isinstance(error, ssl.SSLError):
        return Failure(FetchCause.TLS, "does not speak TLS 1.2 or newer on that port")
    if error.errno == errno.ETIMEDOUT:
        return Failure(FetchCause.TIMEOUT, "did not accept the connection in time")
    if isinstance(error, ConnectionResetError):
        return Failure(FetchCause.RESET, "closed the connection at once", turned_away=True)
    if error.errno in _UNREACHABLE:
        return Failure(FetchCause.REFUSED, "can not be reached from this network", turned_away=True)
    return Failure(FetchCause.REFUSED, "refused the connection", turned_away=True)


def _explain_certificate(error: Exception) -> Failure:
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    words = _CERTIFICATE_WORDS.get(code, "has a certificate that can not be trusted")
    remedy = _NAME_AUTHORITY if code in {18, 19, 20, 21} else ""
    return Failure(FetchCause.TLS, words, remedy)


def _alert(error: BaseException) -> Failure | None:
    """What a TLS alert about our own certificate says; with TLS 1.3 it only comes after the request went out."""
    reason = (error.__cause__.reason or "") if isinstance(error.__cause__, ssl.SSLError) else ""
    if reason.endswith(_CERTIFICATE_REQUIRED):
        return Failure(FetchCause.TLS, "asks for a client certificate", _NAME_CERTIFICATE)
    if reason.endswith(_CERTIFICATE_REFUSED):
        return Failure(FetchCause.TLS, "refuses the client certificate that it was shown", _NAME_CERTIFICATE)
    if reason.endswith(_HANDSHAKE_FAILURE):
        words = "ended the TLS handshake: it may ask for a client certificate, or for ciphers that are out of date"
        return Failure(FetchCause.TLS, words, _NAME_CERTIFICATE)
    return None
