"""What both ends of a handshake share."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy import Connection

from gateway.handshake.performer import Fetcher
from gateway.handshake.policy import Backoff, Trust
from gateway.ocpi.errors import GatewayError, InternalError, OperatorError
from gateway.ocpi.lifecycle import Change
from gateway.ocpi.partner import Manners, Partner
from gateway.ocpi.registration import Front
from gateway.ocpi.timestamps import Clock
from gateway.ocpi.urls import check_url
from gateway.ocpi.vocabulary import TokenForm
from gateway.store.changes import Ledger
from gateway.store.engine import Store, StoreUnavailableError
from gateway.store.inbound import Lifetimes
from gateway.store.records import PartnerRecord, read_by_id
from gateway.store.vault import Vault

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a handshake ended, for log, metrics and audit trail.

    Attributes:
        role: our end of it: `sender` or `receiver`.
        verb: what was to be done: `register`, `rotate`, `unregister`.
        outcome: `registered`, `renewed`, `rotated`, `unregistered` or `failed`.
        error: why it failed.
    """

    role: str
    verb: str
    outcome: str
    partner: str
    error: GatewayError | None = None


#: Told of a handshake's end.
Outcome = Callable[[Ending], None]


def check_typed_url(versions_url: str) -> None:
    """Refuse what the operator gave as a partner's versions URL, before anything is stored or sent.

    Raises:
        OperatorError: it can't be a URL; whether it may be called is the address policy's to say.
    """
    try:
        check_url(versions_url)
    except ValueError as error:
        raise OperatorError(f"the versions URL {error}", remedy="Give it as the partner sent it to you") from None


def _learned(_name: str) -> TokenForm | None:
    return None


@dataclass(frozen=True, slots=True)
class Registrar:
    """Store, clock, front and partner connection of the handshakes of one process.

    Attributes:
        fetcher: gives the connection to a named partner.
        allowed_hosts: what the operator allows a partner beside its own hosts, by partner name in lower case.
        on_outcome: told of every handshake's end.
        token_form_of: the form of a partner's token that the operator demands; None leaves it to what is learned.
        backoff: when what we want of a partner, and failed, is tried again.
        trust: how far the tokens that we call partners with are trusted.
        save_again_after_seconds: how long to wait before each further attempt to save a token that a partner has just
            given us and that exists nowhere else (handshake.md, SP6).
    """

    store: Store
    vault: Vault
    clock: Clock
    front: Front
    fetcher: Callable[[str], Fetcher]
    lifetimes: Lifetimes
    on_outcome: Outcome
    allowed_hosts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    token_form_of: Callable[[str], TokenForm | None] = _learned
    backoff: Backoff = field(default_factory=Backoff)
    trust: Trust = field(default_factory=Trust)
    save_again_after_seconds: tuple[float, ...] = (0.5, 1, 2, 4, 8, 16)

    def hosts_of(self, name: str) -> frozenset[str]:
        """The hosts that the operator allows a partner beside its own."""
        return self.allowed_hosts.get(name.lower(), frozenset())

    async def write(self, actor: str, work: Callable[[Ledger], T]) -> T:
        """Run one transaction on the ledger; `actor` goes to the audit trail."""

        def transaction(connection: Connection) -> T:
            return work(Ledger(connection, self.vault, now=self.clock(), actor=actor, lifetimes=self.lifetimes))

        return await self.store.write(transaction)

    async def read(self, name: str) -> PartnerRecord:
        """The partner of that name.

        Raises:
            UnknownPartnerError: there is none.
        """
        return await self.store.read(lambda connection: Ledger.reading(connection, self.vault).partner(name))

    async def reread(self, record: PartnerRecord) -> PartnerRecord:
        """The record of the same partner as it is now."""
        return await self.store.read(lambda connection: read_by_id(connection, self.vault, record.partner.id))

    async def save(self, actor: str, record: PartnerRecord, change: Change) -> PartnerRecord:
        """Apply one change to the record as it was read; returns it as it is after."""

        def work(ledger: Ledger) -> PartnerRecord:
            ledger.apply(record, change)
            return ledger.partner(record.partner.name)

        return await self.write(actor, work)

    async def note_failure(self, actor: str, ending: Ending, error: GatewayError, *, again: bool = False) -> None:
        """Tell and keep why a handshake failed; a store that fails too doesn't hide it.

        Args:
            again: it is to be tried again, later each time.
        """

        def work(ledger: Ledger) -> None:
            present = ledger.partner(ending.partner)
            ledger.refused(present, error, verb=ending.verb)
            if again:
                failures = present.failures + 1
                ledger.postponed(present, failures=failures, retry_at=self.clock() + self.backoff.after(failures))

        self.on_outcome(replace(ending, error=error))
        if isinstance(error, InternalError):  # the store that failed can't keep a note of it
            return
        with suppress(StoreUnavailableError):
            await self.write(actor, work)

    def as_configured(self, partner: Partner) -> Partner:
        """A partner as it is to be called now.

        With the form of its token that the operator demands, if any (interop.md, Authorization header), and with the
        former token only as long as that is fallen back to (handshake.md, RU7).
        """
        former = self.trust.former(partner, self.clock())
        form = self.token_form_of(partner.name)
        manners = partner.manners
        if form is not None:
            versions_form = form if manners.versions_form is not TokenForm.ABSENT else TokenForm.ABSENT
            manners = Manners(form, versions_form)
        return replace(partner, previous_outbound_token=former, manners=manners)

    def alone_with(self, name: str) -> AbstractAsyncContextManager[None]:
        """Refuse a second handshake with a partner while one is under way, in this process or another.

        Raises:
            UnderWayError: one is.
            StoreUnavailableError: that can't be found out.
        """
        return self.store.claim(name)
