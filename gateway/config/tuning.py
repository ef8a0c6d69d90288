"""Limits, time-outs, lifetimes and the like: every one has a default that suits most installations."""

from enum import StrEnum

from pydantic import Field

from gateway.config.durations import Lifetime, lifetime_field
from gateway.config.values import Rate, Seconds, SecondsOrNone, Section


class Limits(Section):
    """The largest things that are accepted."""

    body_bytes: int = Field(
        default=134217728, ge=1024, description="Largest body of a request that is forwarded, in bytes."
    )
    credentials_body_bytes: int = Field(
        default=65536, ge=1024, description="Largest body of a request to the credentials endpoint, in bytes."
    )
    rewritten_body_bytes: int = Field(
        default=65536,
        ge=1024,
        description="Largest body of a request whose `response_url` has to be rewritten, in bytes.",
    )
    header_bytes: int = Field(
        default=8190,
        ge=1024,
        le=65536,
        description="Longest request line, and longest single header, in bytes; all headers of a request together may "
        "be eight times as long.",
    )
    unknown_token_refreshes_per_second: Rate = Field(
        default=20,
        description="How many times a second an unknown token may make us look into the database before answering 401.",
    )

    connections: int = Field(
        default=4096,
        ge=1,
        le=1000000,
        description="Connections to each listener at one time, in each worker; further ones are closed at once. Fewer "
        "where the system allows too few open files.",
    )
    connections_per_source: int = Field(
        default=2048,
        ge=1,
        le=1000000,
        description="Connections to the public listener from one address (one /64 of IPv6) at one time, in each "
        "worker; does not hold for `listen.public.trusted_proxies`.",
    )
    requests_in_flight_per_partner: int = Field(
        default=512,
        ge=1,
        le=1000000,
        description="Requests of one partner that are forwarded at one time, in each worker; further ones are "
        "answered 429.",
    )
    requests_per_second_per_partner: Rate | None = Field(
        default=None,
        description="Requests of one partner in a second, in each worker, after a burst of ten seconds' worth; further "
        "ones are answered 429. No limit unless given: what your system can take, only you know.",
    )
    requests_per_second_per_source: Rate | None = Field(
        default=None,
        description="Requests to the public listener from one address (one /64 of IPv6) in a second, in each worker, "
        "after a burst of ten seconds' worth; further ones are answered 429. No limit unless given: many partners may "
        "share an address.",
    )
    failed_authentications_per_second_per_source: Rate = Field(
        default=5,
        description="How many refused tokens in a second from one address (one /64 of IPv6) may make us look into the "
        "database, after a burst of ten seconds' worth; further ones are answered the same 401 at once. Good tokens "
        "are not affected.",
    )
    least_bytes_per_second: int = Field(
        default=256,
        ge=0,
        le=1000000000,
        description="How slowly a client may send a body or take an answer on average, beyond the first "
        "`timeouts.body_seconds`. 0 allows any pace.",
    )


class Timeouts(Section):
    """How long to wait for others."""

    backend_connect_seconds: Seconds = Field(default=2, description="For a connection to the backend, in seconds.")
    backend_answer_seconds: Seconds = Field(
        default=30, description="For the head of the backend's answer, and between two pieces of it, in seconds."
    )
    partner_connect_seconds: Seconds = Field(default=5, description="For a connection to a partner, in seconds.")
    partner_answer_seconds: Seconds = Field(
        default=30, description="For the head of a partner's answer, and between two pieces of it, in seconds."
    )
    keep_alive_seconds: Seconds = Field(
        default=75, description="How long an idle connection of a client stays open, in seconds."
    )
    header_seconds: Seconds = Field(
        default=15, description="How long a client may take to send the head of a request, in seconds."
    )
    body_seconds: Seconds = Field(
        default=30,
        description="How long a client may pause while it sends the body of a request or takes an answer, in seconds.",
    )


class Breaker(Section):
    """When a backend or partner that can't be reached is no longer asked by every request."""

    failures: int = Field(
        default=5,
        ge=0,
        le=1000000,
        description="Requests in a row that found it refusing connections or not answering in time, after which "
        "further ones are answered 502 at once. 0 lets every request try.",
    )
    pause_seconds: Seconds = Field(
        default=0.5, description="How often one request tries nevertheless whether it is back, in seconds."
    )


class Tokens(Section):
    """How long credentials tokens, and what is remembered of them, live."""

    invitation_lifetime: Lifetime = lifetime_field(
        "7d", description="How long an invitation token can be used, unless the invitation says."
    )
    grace_seconds: SecondsOrNone = Field(
        default=60,
        description="How long a replaced token still works on functional modules after the first use of the new one, "
        "in seconds; at most 86400.",
    )
    pending_lifetime: Lifetime = lifetime_field(
        "24h", description="How long a token works that we sent to a partner which never confirmed it."
    )
    fallback_lifetime: Lifetime = lifetime_field(
        "24h",
        description="How long calls to a partner that refuses its new token are made with the former one, once each.",
    )
    refusals: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="How many calls in a row a partner may refuse with 401 until its token counts as dead (HALF_OPEN). "
        "A token that never worked counts as dead at its first refusal.",
    )
    tombstone: Lifetime = lifetime_field(
        "24h", description="How long a repeated DELETE of credentials is answered with success."
    )


class RotationMode(StrEnum):
    """What happens when a partner's tokens are old enough (handshake.md, Scheduled rotation)."""

    AUTO = "auto"
    REMIND = "remind"
    OFF = "off"


class Rotation(Section):
    """Renewing the tokens of both sides, as OCPI advises."""

    mode: RotationMode = Field(
        default=RotationMode.AUTO,
        description="`auto` renews tokens when they are due, `remind` only logs it, `off` does neither.",
    )
    every: Lifetime = lifetime_field(
        "30d", description="How old tokens become; up to a tenth more, so that partners have their turn one by one."
    )
    retry_after: Lifetime = lifetime_field(
        "15m", description="How long to wait after a rotation that failed; twice as long after each further failure."
    )
    retry_at_most: Lifetime = lifetime_field("24h", description="The longest such wait.")


class PartnerCheck(Section):
    """Looking now and then whether partners' fronts answer, and whether they offer what they did."""

    enabled: bool = Field(default=True, description="Whether partners' fronts are looked at; suspended ones never are.")
    every: Lifetime = lifetime_field("15m", description="How often each is looked at; up to a tenth later, by chance.")


class Callbacks(Section):
    """Rewritten `response_url`s."""

    lifetime: Lifetime = lifetime_field("30d", description="How long a rewritten `response_url` can be called.")


class Shutdown(Section):
    """What happens on SIGTERM."""

    drain_delay_seconds: SecondsOrNone = Field(
        default=5, description="How long we report not ready but still serve, in seconds."
    )
    grace_period_seconds: SecondsOrNone = Field(
        default=30, description="How long requests in flight may then take to finish, in seconds."
    )


class LogLevel(StrEnum):
    """The least severity that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """The form of log lines on standard output."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class Log(Section):
    """What is logged and how."""

    level: LogLevel = Field(default=LogLevel.INFO, description="The least severity that is logged.")
    format: LogFormat = Field(
        default=LogFormat.AUTO, description="`auto` is `console` on a terminal and `json` elsewhere."
    )
