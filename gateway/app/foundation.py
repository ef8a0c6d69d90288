"""What every verb stands on: configuration in, database open and migrated, vault opened, ready for services.

Command line and server build the same foundation, so a command works beside a running server on the same database.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.app.keyfile import read_or_make_keyring
from gateway.config import Config
from gateway.handshake.performer import Fetcher
from gateway.handshake.policy import Backoff, Trust
from gateway.handshake.registrar import Outcome, Registrar
from gateway.net.address import AddressPolicy, AllowRule
from gateway.net.client import HttpClient, partner_client
from gateway.net.fetch import fetch
from gateway.net.trust import PartnerTls
from gateway.observe.call import current_call
from gateway.observe.ids import new_id
from gateway.ocpi.flow import Fetch, Reply
from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.registration import Front
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.versions import newest_first
from gateway.store.engine import Store
from gateway.store.inbound import Lifetimes
from gateway.store.keys import is_new, lacks_keys, open_vault
from gateway.store.migrate import SCHEMA, migrate, schema_of
from gateway.store.vault import Keyring, Vault


@dataclass(frozen=True, slots=True)
class Foundation:
    """Store and vault of one process.

    Attributes:
        migrated: schema before (None where the database is new) and after.
        key_made: where a key file was made just now, or None.
    """

    config: Config
    clock: Clock
    store: Store
    vault: Vault
    migrated: tuple[str | None, str]
    key_made: str | None


@asynccontextmanager
async def open_foundation(config: Config, *, clock: Clock) -> AsyncIterator[Foundation]:
    """Open the database with its key and bring its schema up to date.

    Raises:
        OperatorError: the key isn't the database's, or the database is newer than this program.
        StoreUnavailableError: the database can't be opened.
    """
    store = Store(config.database.get_secret_value())
    try:
        schema = await store.read(schema_of)
        migrated = (schema, SCHEMA) if schema == SCHEMA else await store.write(migrate)
        new = await store.read(is_new)
        keyring, key_made = read_or_make_keyring(config, database_is_new=new)
        lacking = await store.read(lacks_keys)
        run = store.write if lacking else store.read  # verbs that only read need no lock and no writable disk
        vault = await run(lambda connection: _vault(connection, keyring, clock))
        yield Foundation(config, clock, store, vault, migrated, key_made)
    finally:
        await store.close()


def handshake_client(config: Config) -> HttpClient:
    """The client for handshake documents; each connection is used once, so that a lost POST is never in doubt."""
    return partner_client(
        address_policy(config),
        connect_seconds=config.timeouts.partner_connect_seconds,
        answer_seconds=config.outbound.credentials_timeout_seconds,
        keep_alive_seconds=0,
        ca_file=config.outbound.ca_file,
        partner_tls=partner_tls(config),
    )


def partner_tls(config: Config) -> dict[str, PartnerTls]:
    """The partners that TLS is special with, by name."""
    return {
        name: PartnerTls(one.ca_file, one.client_certificate, one.client_key)
        for name, one in config.partners.items()
        if one.ca_file or one.client_certificate
    }


def address_policy(config: Config) -> AddressPolicy:
    """Which addresses may be called for partners."""
    rules = [
        AllowRule(rule.cidr, frozenset(rule.hosts), frozenset(rule.ports), rule.partner) for rule in config.egress.allow
    ]
    return AddressPolicy(development=config.development, allow=rules)


def make_registrar(foundation: Foundation, client: HttpClient, *, on_outcome: Outcome) -> Registrar:
    """All that both ends of a handshake share."""
    config = foundation.config
    return Registrar(
        store=foundation.store,
        vault=foundation.vault,
        clock=foundation.clock,
        front=front_of(config),
        fetcher=lambda name: _fetcher(config, client, name),
        lifetimes=lifetimes_of(config),
        on_outcome=on_outcome,
        token_form_of=lambda name: config.partner(name).token_form.fixed,
        backoff=Backoff(config.rotation.retry_after, config.rotation.retry_at_most),
        trust=Trust(config.tokens.refusals, config.tokens.fallback_lifetime),
        allowed_hosts={name.lower(): frozenset(one.allowed_hosts) for name, one in config.partners.items()},
    )


def front_of(config: Config) -> Front:
    """What we present to partners."""
    return Front(
        versions_url=f"{config.public_url}/ocpi/versions",
        roles=tuple(
            CredentialsRole(ours.role, ours.party, ours.business_details.model_dump(mode="json", exclude_none=True))
            for ours in config.parties
        ),
        versions=newest_first(config.versions),
        required_modules=config.required_modules,
    )


def lifetimes_of(config: Config) -> Lifetimes:
    """How long tokens live in each state."""
    tokens = config.tokens
    return Lifetimes(
        invitation=tokens.invitation_lifetime,
        pending=tokens.pending_lifetime,
        grace=timedelta(seconds=tokens.grace_seconds),
    )


def _vault(connection: Connection, keyring: Keyring, clock: Clock) -> Vault:
    return open_vault(connection, keyring, now=clock())


def _fetcher(config: Config, client: HttpClient, name: str) -> Fetcher:
    """The connection to one partner: message ids on everything, registration included (interop.md)."""
    correlation_id = new_id()
    outbound = config.outbound
    loop = asyncio.get_running_loop()
    deadline = loop.time() + outbound.callback_budget_seconds

    async def fetcher(request: Fetch) -> Reply:
        further: Mapping[str, Any] = {"X-Request-ID": new_id(), "X-Correlation-ID": correlation_id}
        if request.body is not None:
            further = {**further, "Content-Type": "application/json"}
        seconds = outbound.credentials_timeout_seconds
        if request.method == "GET":
            left = deadline - loop.time()
            seconds = max(0.001, min(outbound.get_timeout_seconds, left))
        started, call = loop.time(), current_call.get()
        try:
            return await fetch(
                client,
                request,
                timeout_seconds=seconds,
                max_bytes=outbound.max_document_bytes,
                partner=name,
                further_headers=further,
            )
        finally:
            if call is not None:
                call.waited_upstream(loop.time() - started)

    return fetcher
