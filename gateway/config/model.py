"""`Config`: the whole configuration, validated, with every default and the description of every key.

This is the one table of settings (operations.md, validate): validation, JSON Schema, the reference page and the tests
of `config.example.yaml` are all made from it. Contract.md, Configuration, fixes the names.
"""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from gateway.config.checks import CROSS_FIELD, findings
from gateway.config.identity import Backend, OurParty
from gateway.config.network import Egress, Listen, Outbound, PartnerSettings
from gateway.config.problems import write_key_path
from gateway.config.tuning import Breaker, Callbacks, Limits, Log, PartnerCheck, Rotation, Shutdown, Timeouts, Tokens
from gateway.config.values import BaseUrl, DatabaseUrl, EncryptionKey, PartnerName, Seconds, Section, Version

_DATABASE = "sqlite:///data/gateway.db"
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared with, not listened on

RequiredModule = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,36}(:(SENDER|RECEIVER))?$")]


def _default_private_url(values: dict[str, Any]) -> str:
    listener = values["listen"].private
    host = f"[{listener.host}]" if ":" in listener.host else listener.host
    return f"http://{_WILDCARDS.get(listener.host, host)}:{listener.port}"


class Config(Section):
    """The whole configuration."""

    public_url: BaseUrl = Field(
        max_length=200,
        description="URL under which partners reach the public listener; every URL we hand out starts with it. https, "
        "unless `development` is true.",
    )
    parties: tuple[OurParty, ...] = Field(min_length=1, description="Who we are: one or more parties with their roles.")
    backend: Backend = Field(description="The legacy system behind the gateway.")
    versions: tuple[Version, ...] = Field(
        default=("2.2.1", "2.2"),
        min_length=1,
        description="OCPI versions offered to partners; the newest that both sides know is used.",
    )
    required_modules: tuple[RequiredModule, ...] = Field(
        default=(),
        description="What a partner must offer, as `module` or `module:ROLE`; it is answered 3003 otherwise.",
    )
    public_versions: bool = Field(
        default=False, description="Answer the version list and version details without a token too."
    )
    development: bool = Field(
        default=False, description="Allow http and loopback addresses for us and for partners. Never in production."
    )
    listen: Listen = Field(default_factory=Listen, description="The four listeners.")
    private_url: BaseUrl = Field(
        default_factory=_default_private_url,
        json_schema_extra={"default": "http://{listen.private.host}:{listen.private.port}"},
        description="URL under which the backend reaches the private listener; links and callbacks for it start with "
        "it. Loopback where the listener's host is a wildcard.",
    )
    database: DatabaseUrl = Field(
        default=SecretStr(_DATABASE),
        json_schema_extra={"default": _DATABASE},
        description="Where tokens are kept: `sqlite:///file` relative to the working directory, `sqlite:////file` "
        "absolute, or `postgresql://user@host/name`.",
    )
    encryption_key: EncryptionKey | None = Field(
        default=None,
        description="Base64 of 32 bytes that tokens are encrypted with; `ocpi-gateway key generate` makes one. Without "
        "it a key file is made beside the database. Secret.",
    )
    former_encryption_keys: tuple[EncryptionKey, ...] = Field(
        default=(),
        description="Keys used before, in the same form, until `ocpi-gateway key rotate` has moved everything to "
        "`encryption_key`. Secret.",
    )
    partners: dict[PartnerName, PartnerSettings] = Field(
        default_factory=dict, description="What is special about single partners, by partner name."
    )
    outbound: Outbound = Field(default_factory=Outbound, description="Our own requests to partners during a handshake.")
    egress: Egress = Field(default_factory=Egress, description="Which private networks may be called for partners.")
    limits: Limits = Field(default_factory=Limits, description="The largest things that are accepted.")
    timeouts: Timeouts = Field(default_factory=Timeouts, description="How long to wait for others.")
    breaker: Breaker = Field(
        default_factory=Breaker, description="When a backend or partner that can't be reached is left in peace."
    )
    tokens: Tokens = Field(default_factory=Tokens, description="How long credentials tokens live.")
    rotation: Rotation = Field(default_factory=Rotation, description="Renewing the tokens of both sides.")
    partner_check: PartnerCheck = Field(
        default_factory=PartnerCheck, description="Looking now and then whether partners' fronts answer."
    )
    callbacks: Callbacks = Field(default_factory=Callbacks, description="Rewritten `response_url`s.")
    shutdown: Shutdown = Field(default_factory=Shutdown, description="What happens on SIGTERM.")
    log: Log = Field(default_factory=Log, description="What is logged and how.")
    workers: int = Field(
        default=1,
        ge=1,
        le=64,
        description="How many processes serve on the same ports; one for each core at most.",
    )
    refresh_seconds: Seconds = Field(
        default=1,
        description="How often a running gateway looks for changes that another process made to the database, in "
        "seconds.",
    )

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        found = [f"{write_key_path(finding.key_path)}: {finding.message}" for finding in findings(dict(self))]
        if found:
            raise PydanticCustomError(CROSS_FIELD, "{problems}", {"problems": "; ".join(found)})
        return self

    def partner(self, name: str) -> PartnerSettings:
        """The settings of a partner, all defaults where it has none; names are compared without letter case."""
        wanted = name.lower()
        return next((found for key, found in self.partners.items() if key.lower() == wanted), PartnerSettings())

    @property
    def sqlite_path(self) -> Path | None:
        """The file of an SQLite database; None for PostgreSQL."""
        scheme, _, path = self.database.get_secret_value().partition(":///")
        return Path(path) if scheme == "sqlite" else None

    @property
    def database_label(self) -> str:
        """The database in words for logs and terminals: without user name and password."""
        url = self.database.get_secret_value()
        scheme, _, rest = url.partition("://")
        return url if self.sqlite_path else f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
