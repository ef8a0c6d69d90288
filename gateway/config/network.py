"""Where the gateway listens, whom it may call, and what is special about single partners."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from gateway.config.tuning import RotationMode
from gateway.config.values import (
    HeaderSecret,
    HostName,
    Method,
    ModuleName,
    Network,
    PartnerName,
    Rate,
    Seconds,
    Section,
)
from gateway.ocpi.vocabulary import TokenForm

Port = Annotated[int, Field(ge=0, le=65535)]
_PORT = "TCP port; 0 takes any free one."


class ClientCertificates(StrEnum):
    """Whether clients have to show a certificate of their own."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class Tls(Section):
    """The certificate of the public listener. Files that change are read again within seconds, without a restart."""

    certificate: Path = Field(description="PEM file with the certificate and its chain.")
    key: Path = Field(description="PEM file with the private key, without a passphrase.")
    client_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that clients' certificates must come from; without it none is asked "
        "for.",
    )
    client_certificates: ClientCertificates = Field(
        default=ClientCertificates.REQUIRED,
        description="With `client_ca`: `required` ends connections without a certificate, `optional` leaves it to "
        "`partners.<name>.client_certificate_required`.",
    )


class PublicListener(Section):
    """The listener that partners call."""

    host: HostName = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104 - partners are outside
    port: Port = Field(default=8080, description=_PORT)
    tls: Tls | None = Field(default=None, description="Serve https here; leave it out where a proxy in front ends TLS.")
    trusted_proxies: tuple[Network, ...] = Field(
        default=(),
        description="Networks of proxies in front, whose `X-Forwarded-For` tells where a request comes from; nobody "
        "else's is believed.",
    )


class PrivateListener(Section):
    """The listener through which the backend calls partners."""

    host: HostName = Field(default="127.0.0.1", description="Address to listen on; keep it private.")
    port: Port = Field(default=8081, description=_PORT)


class AdminListener(Section):
    """The listener of console and admin API."""

    host: HostName = Field(default="127.0.0.1", description="Address to listen on; keep it on loopback.")
    port: Port = Field(default=8082, description=_PORT)


class StatusListener(Section):
    """The listener of /livez, /readyz and /metrics."""

    host: HostName = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104 - probes come from outside
    port: Port = Field(default=8083, description=_PORT)


class Listen(Section):
    """The four listeners."""

    public: PublicListener = Field(default_factory=PublicListener, description="Partners call here.")
    private: PrivateListener = Field(
        default_factory=PrivateListener, description="The backend calls partners through here."
    )
    admin: AdminListener = Field(default_factory=AdminListener, description="Console and admin API.")
    status: StatusListener = Field(
        default_factory=StatusListener, description="Health and metrics: /livez, /readyz, /metrics, nothing else."
    )


class OwnershipCheck(StrEnum):
    """Whether a partner may send objects of parties that aren't its own (interop.md, Traffic)."""

    STRICT = "strict"
    RELAXED = "relaxed"


class TokenFormChoice(StrEnum):
    """How to write our Authorization header to a partner (interop.md, Authorization header)."""

    AUTO = "auto"
    BASE64 = "base64"
    PLAIN = "plain"

    @property
    def fixed(self) -> TokenForm | None:
        """The form the operator demands; None leaves it to what was learned from the partner."""
        return None if self is TokenFormChoice.AUTO else TokenForm(self.value)


def _check_success(http_status: int) -> int:
    if http_status not in {200, 201}:
        raise ValueError("must be 200 or 201")
    return http_status


_Success = AfterValidator(_check_success)


class PartnerSettings(Section):
    """What is special about one partner."""

    backend_authorization: HeaderSecret | None = Field(
        default=None,
        description="Authorization header value for this partner's traffic to the backend, "
        "instead of `backend.authorization`. Secret.",
    )
    ownership_check: OwnershipCheck = Field(
        default=OwnershipCheck.STRICT,
        description="`relaxed` lets it send objects of other parties, as aggregators do.",
    )
    token_form: TokenFormChoice = Field(
        default=TokenFormChoice.AUTO,
        description="How it wants its token in our requests; `auto` learns it at first contact.",
    )
    credentials_http_status: Annotated[int, _Success] = Field(
        default=200,
        json_schema_extra={"enum": [200, 201]},
        description="HTTP status of our answer to its POST of credentials.",
    )
    rotation: RotationMode | None = Field(
        default=None,
        description="Instead of `rotation.mode`: some hubs can't answer a PUT and have to be registered anew.",
    )
    modules: dict[ModuleName, tuple[Method, ...]] | None = Field(
        default=None,
        description="What it may use, as `module: [GET, PUT]`; every module that is offered, with every method, unless "
        "given. Versions and credentials are always allowed.",
    )
    addresses: tuple[Network, ...] = Field(
        default=(),
        description="Networks that its calls must come from; any unless given. Behind a proxy, name that in "
        "`listen.public.trusted_proxies`.",
    )
    client_certificate_required: bool = Field(
        default=False,
        description="Its calls must come over TLS with a certificate of an authority in `listen.public.tls.client_ca`.",
    )
    requests_per_second: Rate | None = Field(
        default=None, description="Instead of `limits.requests_per_second_per_partner`."
    )
    check: bool = Field(default=True, description="Whether its front is looked at now and then (`partner_check`).")
    allowed_hosts: tuple[HostName, ...] = Field(
        default=(), description="Further host names that its URLs may be on, beside that of its credentials URL."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of certificate authorities to trust for this partner only, beside the system's and those "
        "of `outbound.ca_file`.",
    )
    client_certificate: Path | None = Field(
        default=None,
        description="PEM file with the certificate, and its chain, that this partner is shown when it asks for one "
        "(mTLS); no other partner is.",
    )
    client_key: Path | None = Field(
        default=None,
        description="PEM file with the private key of `client_certificate`, without a passphrase; leave it out where "
        "the key lies in the same file.",
    )


class Outbound(Section):
    """Our own requests to partners during a handshake."""

    ca_file: Path | None = Field(
        default=None, description="PEM file of further certificate authorities to trust for every partner."
    )
    get_timeout_seconds: Seconds = Field(default=5, description="Longest wait for one GET at a partner, in seconds.")
    callback_budget_seconds: Seconds = Field(
        default=15, description="Longest time for all call-backs while a partner's POST or PUT is open, in seconds."
    )
    credentials_timeout_seconds: Seconds = Field(
        default=30, description="Longest wait for the answer to our own POST, PUT or DELETE of credentials, in seconds."
    )
    max_document_bytes: int = Field(
        default=262144, ge=1024, le=16777216, description="Largest document accepted from a partner, in bytes."
    )


class EgressRule(Section):
    """One exception from the ban on private addresses."""

    cidr: Network = Field(
        description="Network that may be called. Loopback and metadata addresses only one by one, as /32 or /128."
    )
    hosts: tuple[HostName, ...] = Field(default=(), description="Only under these host names; empty means any.")
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        default=(443,), min_length=1, description="Only on these ports."
    )
    partner: PartnerName | None = Field(default=None, description="Only for this partner; any unless given.")


class Egress(Section):
    """Which private networks may be called for partners; public addresses need no rule."""

    allow: tuple[EgressRule, ...] = Field(
        default=(), description="Private networks that partners are reached in. Denied unless listed."
    )
