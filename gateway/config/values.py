"""The kinds of value that configuration keys hold, each with its check.

The texts of the errors complete the sentence `key: ...`, and never quote the value: it may be a secret.
"""

import base64
import ipaddress
import re
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from gateway.ocpi.partner import NAME
from gateway.ocpi.tokens import is_well_formed
from gateway.ocpi.urls import check_url
from gateway.ocpi.versions import DIALECTS
from gateway.ocpi.vocabulary import CREDENTIALS, METHODS, VERSIONS

ENCRYPTION_KEY_BYTES: Final = 32

_HOST: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

#: Loopback, link-local and cloud metadata addresses open only one by one (hardening.md, URLs).
_EXACT_ONLY: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "::/127", "fe80::/10")
)


class Section(BaseModel):
    """A mapping of the configuration: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, serialize_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _treat_a_key_without_value_as_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {key: value for key, value in values.items() if value is not None or key not in known}


def decode_encryption_key(text: str) -> bytes:
    """Decode the Base64 of a 32 byte key.

    Raises:
        ValueError: it is anything else.
    """
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != ENCRYPTION_KEY_BYTES:
        raise ValueError("must be the Base64 of 32 bytes; `ocpi-gateway key generate` makes one")
    return key


def _check_base_url(text: str) -> str:
    url = check_url(text)
    if "?" in url:
        raise ValueError("must not have a query")
    scheme, _, rest = url.partition("://")
    host, *segments = rest.rstrip("/").split("/")
    if any(segment in {"", ".", ".."} or "%" in segment for segment in segments):
        raise ValueError("must have a plain path: no '..', '//' or '%'")
    return "/".join([f"{scheme.lower()}://{host}", *segments])


def _check_path(text: str) -> str:
    path = text.rstrip("/")
    if path and not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)+", path):
        raise ValueError("must begin with '/' and be a plain path: no '..', '//', '%', '?' or '#'")
    return path


def _check_host(text: str) -> str:
    host = text.strip().lower().removesuffix(".")
    if not _HOST.fullmatch(host) and not _is_ipv6(host):
        raise ValueError("must be a host name or an IP address, without scheme, port, brackets or path")
    return host


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _check_header_value(secret: SecretStr) -> SecretStr:
    if not _HEADER_VALUE.fullmatch(secret.get_secret_value()):
        raise ValueError("must be a header value: printable ASCII in one line, no blanks at its ends")
    return secret


def _check_token(secret: SecretStr) -> SecretStr:
    if not is_well_formed(secret.get_secret_value()):
        raise ValueError("must be 1 to 64 printable ASCII characters without blanks")
    return secret


def _check_encryption_key(secret: SecretStr) -> SecretStr:
    decode_encryption_key(secret.get_secret_value())
    return secret


def _check_database(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if re.fullmatch(r"sqlite:///(?!:memory:)[^\s?#]*[^\s?#/]|postgresql://[^\s/]*/[^\s/?]+(\?\S*)?", url):
        return secret
    raise ValueError("must be sqlite:///relative/file.db, sqlite:////absolute/file.db or postgresql://user@host/name")


def _check_method(text: str) -> str:
    if text.upper() not in METHODS:
        raise ValueError(f"must be one of {', '.join(METHODS)}")
    return text.upper()


def _check_network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be a network such as 10.20.0.0/16 or fd12:3456::/32, with no host bits set") from None
    if network.num_addresses > 1 and any(
        network.version == exact.version and network.overlaps(exact) for exact in _EXACT_ONLY
    ):
        raise ValueError("holds loopback or metadata addresses: name each of those exactly, as /32 or /128")
    return network


def _check_module(name: str) -> str:
    if name.lower() in {CREDENTIALS, VERSIONS}:
        raise ValueError("is answered by the gateway itself: remove it")
    return name


def _check_version(text: str) -> str:
    if text not in DIALECTS:
        raise ValueError(f"must be one of: {', '.join(DIALECTS)}")
    return text


#: An absolute http(s) URL as OCPI documents carry it, kept as written.
Url = Annotated[str, AfterValidator(check_url)]
#: A URL that paths are appended to: no query, no trailing slash.
BaseUrl = Annotated[str, AfterValidator(_check_base_url)]
#: A path that is appended to a base URL: begins with a slash, ends without one, may be empty.
UrlPath = Annotated[str, AfterValidator(_check_path)]
#: A host name or IP address in lower case, an IPv6 address without brackets.
HostName = Annotated[str, AfterValidator(_check_host)]
#: A whole Authorization header value.
HeaderSecret = Annotated[SecretStr, AfterValidator(_check_header_value)]
#: A token that is presented to us on the private listener, in either form.
TokenSecret = Annotated[SecretStr, AfterValidator(_check_token)]
EncryptionKey = Annotated[SecretStr, AfterValidator(_check_encryption_key)]
#: Secret because a PostgreSQL URL may hold a password.
DatabaseUrl = Annotated[SecretStr, AfterValidator(_check_database)]
Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    PlainValidator(_check_network),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "format": "cidr"}),
]
Version = Annotated[str, AfterValidator(_check_version), WithJsonSchema({"type": "string", "enum": list(DIALECTS)})]
#: A time-out or window in seconds.
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]
#: The same, where none at all is a choice.
SecondsOrNone = Annotated[float, Field(ge=0, le=86400, allow_inf_nan=False)]
#: So many a second.
Rate = Annotated[float, Field(gt=0, le=1000000, allow_inf_nan=False)]
PartnerName = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Method = Annotated[str, AfterValidator(_check_method), WithJsonSchema({"type": "string", "enum": list(METHODS)})]
ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,36}$"), AfterValidator(_check_module)]
