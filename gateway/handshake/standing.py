"""What a partner's answers show about the token that we call it with.

accepted   it has worked: the one before it is never used again (handshake.md, I8)
refused    it hasn't: a token that never worked is given up at once, one that did after a few refusals in a row; the
           partner is then HALF_OPEN, and the operator is told what to ask for (SP10; interop.md, Traffic)

While a former token is kept, each call falls back to it for a day, and nothing is given up (RU7, SU4).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from gateway.handshake.policy import Trust
from gateway.handshake.registrar import Registrar
from gateway.ocpi.lifecycle import HalfOpened, Recovered
from gateway.ocpi.partner import Partner
from gateway.ocpi.timestamps import EPOCH
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.changes import Ledger
from gateway.store.engine import StoreUnavailableError

_ACTOR = "partner"
#: A store that failed isn't asked again by every call.
_AFTER_A_FAILURE = timedelta(seconds=5)


def note_accepted(ledger: Ledger, name: str, token: str) -> None:
    """The partner accepted this token; where it had refused it before, all is well again."""
    ledger.outbound_accepted(ledger.partner(name), token)
    record = ledger.partner(name)
    if record.partner.state is PartnerState.HALF_OPEN and record.partner.outbound_token == token:
        ledger.apply(record, Recovered())


def note_refused(
    ledger: Ledger, name: str, token: str, *, trust: Trust, now: datetime, former_too: bool = False
) -> str:
    """The partner refused this token; gives what the operator is to be told where that ends it, else nothing.

    Args:
        former_too: it refused the former token as well, so there is nothing to fall back to.
    """
    refusals = ledger.outbound_refused(ledger.partner(name), token)
    record = ledger.partner(name)
    partner = record.partner
    if refusals is None or partner.state is not PartnerState.REGISTERED:
        return ""
    former = trust.former(partner, now) is not None
    has_worked = partner.outbound_proved or former
    if (former and not former_too) or (has_worked and refusals < trust.refusals):
        return ""
    times = "at its first use" if refusals == 1 else f"{refusals} times in a row"
    reason = (
        f"The partner refused the token that we call it with (HTTP 401, {times}). It can call us; we don't call it. "
        "Ask the partner whether it deleted or replaced that token, and to send a PUT credentials or invite us again. "
        f"If it says that the token is good, try it again: ocpi-gateway partner refresh {partner.name}"
    )
    ledger.apply(record, HalfOpened(reason))
    return reason


class Standing:
    """Notes what answers on the traffic path show; each finding once, however many calls make it at a time.

    Args:
        refresh: brings what was written to this process's memory.
        on_alarm: told when a partner became HALF_OPEN: its name, and what to do.
        on_failure: told of a store that failed: nothing is lost, the next call makes the same finding.
    """

    def __init__(
        self,
        registrar: Registrar,
        *,
        refresh: Callable[[], Awaitable[None]],
        on_alarm: Callable[[str, str], None],
        on_failure: Callable[[StoreUnavailableError], None],
    ) -> None:
        self._registrar = registrar
        self._refresh = refresh
        self._on_alarm = on_alarm
        self._on_failure = on_failure
        self._noting: set[int] = set()
        self._not_before = EPOCH

    def fallback(self, partner: Partner) -> str | None:
        """The former token that a call refused with the present one is tried with once."""
        return self._registrar.trust.former(partner, self._registrar.clock())

    async def accepted(self, partner: Partner) -> None:
        """A call with the present token was accepted."""
        if partner.outbound_proved and not partner.outbound_refusals and not partner.previous_outbound_token:
            return
        name, token = partner.name, partner.outbound_token or ""
        await self._note(partner, lambda ledger: note_accepted(ledger, name, token))

    async def refused(self, partner: Partner, *, former_too: bool = False) -> None:
        """A call with the present token was refused, and with the former one too."""
        name, token = partner.name, partner.outbound_token or ""
        trust, now = self._registrar.trust, self._registrar.clock()
        reason = await self._note(
            partner,
            lambda ledger: note_refused(ledger, name, token, trust=trust, now=now, former_too=former_too),
        )
        if reason:
            self._on_alarm(name, reason)

    async def _note(self, partner: Partner, work: Callable[[Ledger], str | None]) -> str | None:
        if partner.id in self._noting or self._registrar.clock() < self._not_before:
            return None
        self._noting.add(partner.id)
        try:
            found = await self._registrar.write(_ACTOR, work)
            await self._refresh()
        except StoreUnavailableError as error:
            self._not_before = self._registrar.clock() + _AFTER_A_FAILURE
            self._on_failure(error)
            return None
        else:
            return found
        finally:
            self._noting.discard(partner.id)
