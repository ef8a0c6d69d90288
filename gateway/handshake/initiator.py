"""We call: registering with a partner that invited us, rotating, unregistering (we are the Sender).

What may be sent is committed before it is sent, and what was received is committed before anything else is looked at,
so an interruption anywhere leaves something to resume (handshake.md, SP1 to SP10, SU1 to SU6, SD1 and SD2).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.handshake.performer import Progress, perform
from gateway.handshake.registrar import Ending, Registrar, check_typed_url
from gateway.ocpi.discovery import REFUSALS, Target
from gateway.ocpi.errors import GatewayError, OperatorError
from gateway.ocpi.flow import HandshakeError
from gateway.ocpi.lifecycle import Change, Completed, HalfOpened, Leaving, Revoked, Rotated, Stayed, Unregistered
from gateway.ocpi.registration import POST_CREDENTIALS, PUT_CREDENTIALS, Flow, initiate, repeat, rotate, unregister
from gateway.ocpi.versions import credentials_endpoint
from gateway.ocpi.vocabulary import PartnerState
from gateway.store.changes import ConcurrentChangeError, Ledger
from gateway.store.engine import StoreUnavailableError
from gateway.store.inbound import pending_token
from gateway.store.records import PartnerRecord

ROLE = "sender"
REGISTER, ROTATE, UNREGISTER = "register", "rotate", "unregister"

#: HTTP statuses by which a partner says on a repeated POST that TOKEN_A did its work already (handshake.md, SP4).
_SPENT = (401, 405)
_POST_ARRIVED = (
    "The partner says that TOKEN_A was used: an earlier POST of ours arrived, but its answer with TOKEN_C did not. "
    "It can call us; we can't call it. Ask the partner to send a PUT credentials, or to invite us again"
)

#: The HTTP status by which a partner says on a repeated PUT that it replaced the token we call it with (SU3).
_REPLACED = 401
_PUT_ARRIVED = (
    "The partner refuses the token that we call it with: an earlier PUT of ours arrived, but its answer with the next "
    "token did not. It can call us; we can't call it. Ask the partner to send a PUT credentials, or to invite us again"
)
_ROTATE_AGAIN = (
    "The present tokens of both sides go on working. A running gateway tries again; to try at once: "
    "ocpi-gateway partner rotate {name}"
)


class Initiator:
    """The Sender's end of handshakes.

    Args:
        actor: who acts, for the audit trail.
    """

    def __init__(self, registrar: Registrar, *, actor: str) -> None:
        self._registrar = registrar
        self._actor = actor

    async def register(
        self, name: str, *, versions_url: str, invitation_token: str, progress: Progress
    ) -> PartnerRecord:
        """Run the handshake with a partner that gave us TOKEN_A.

        Raises:
            HandshakeError: it failed at a step; what was given is kept, so that it can be resumed.
            OperatorError: the partner is registered already, or suspended; or what was given is no URL.
        """
        check_typed_url(versions_url)

        def start(ledger: Ledger) -> PartnerRecord:
            record = ledger.start(name, versions_url=versions_url, invitation_token=invitation_token)
            _require_traffic(record, "register")
            return record

        async with self._registrar.alone_with(name):
            record = await self._registrar.write(self._actor, start)
            return await self._run(record, invitation_token, progress, resuming=False)

    async def resume(self, name: str, *, progress: Progress) -> PartnerRecord:
        """Go on with an interrupted registration: with the same TOKEN_A and, if it was made, the same TOKEN_B.

        Raises:
            OperatorError: there is nothing to resume, or the partner is suspended.
        """
        async with self._registrar.alone_with(name):
            record, invitation_token = await self._registrar.store.read(
                lambda connection: _interrupted(Ledger.reading(connection, self._registrar.vault), name)
            )
            _require_traffic(record, "register")
            if invitation_token is None or record.partner.versions_url is None:
                raise OperatorError(
                    f"there is no interrupted registration with {name!r}",
                    remedy="Give what the partner sent you: --versions-url and --token-a",
                )
            return await self._run(record, invitation_token, progress, resuming=True)

    async def rotate(
        self, name: str, *, progress: Progress, only_if: Callable[[PartnerRecord], bool] | None = None
    ) -> PartnerRecord:
        """Give a registered partner a new token of ours by PUT and take its new one.

        Args:
            only_if: asked once nobody else can rotate: whether it is still to be done.

        Raises:
            HandshakeError: it failed; the present tokens of both sides go on working.
            OperatorError: the partner isn't registered, or is suspended.
        """
        async with self._registrar.alone_with(name):
            record = await self._registrar.read(name)
            if only_if is None or only_if(record):
                return await self._rotate(record, progress)
            return record

    async def _rotate(self, record: PartnerRecord, progress: Progress) -> PartnerRecord:
        registrar = self._registrar
        _require(record, "rotate", PartnerState.REGISTERED)
        _require_traffic(record, "rotate")
        if record.partner.leaving:
            raise OperatorError(
                f"can't rotate while the partner {record.partner.name!r} is being unregistered",
                remedy="Wait for its end, or end it at once: `ocpi-gateway partner unregister NAME --force`",
            )
        earlier = await self._pending(record)
        flow = rotate(
            registrar.front,
            registrar.as_configured(record.partner),
            inbound_token=earlier or registrar.vault.new_token(),
            allowed_hosts=registrar.hosts_of(record.partner.name),
            repeated=earlier is not None,
        )
        saver = _Saver(registrar, self._actor, record, progress)
        try:
            await perform(flow, fetch=registrar.fetcher(record.partner.name), save=saver, progress=progress)
        except GatewayError as error:
            half_open = earlier is not None and _says(error, PUT_CREDENTIALS, _REPLACED)
            error.remedy = _PUT_ARRIVED if half_open else error.remedy or _ROTATE_AGAIN.format(name=record.partner.name)
            await self._failed(ROTATE, record, error, again=not half_open)
            if half_open and earlier is not None:
                await self._half_open(saver.record, earlier, _PUT_ARRIVED)
            raise
        registrar.on_outcome(Ending(ROLE, ROTATE, "rotated", record.partner.name))
        return await registrar.reread(record)

    async def unregister(self, name: str, *, force: bool, progress: Progress) -> PartnerRecord:
        """Tell the partner by DELETE, then drop both tokens; `force` drops them though the partner can't be told.

        Our own traffic stops before the DELETE goes out (handshake.md, SD1). Where it isn't known whether the DELETE
        arrived, it stays stopped, and a running gateway sends it again.

        Raises:
            HandshakeError: the partner couldn't be told; the tokens stay.
        """
        registrar = self._registrar
        async with registrar.alone_with(name):
            record = await registrar.save(self._actor, await registrar.read(name), Leaving())
            fetcher = registrar.fetcher(record.partner.name)
            try:
                await perform(unregister(registrar.as_configured(record.partner)), fetch=fetcher, progress=progress)
            except HandshakeError as error:
                if not force:
                    raise await self._stayed(record, error) from error
                progress(error.step, "could not be told; dropping the tokens nevertheless (--force)")
            registrar.on_outcome(Ending(ROLE, UNREGISTER, "unregistered", record.partner.name))
            return await registrar.save(self._actor, await registrar.reread(record), Unregistered())

    async def _stayed(self, record: PartnerRecord, error: HandshakeError) -> HandshakeError:
        """Our DELETE failed: the registration goes on, unless the partner may have ended it."""
        if error.outcome_unknown:
            error.remedy = (
                "It is not known whether the partner got it. Until that is clear nothing is sent to it; a running "
                "gateway tries again. To drop the tokens at once: --force"
            )
        else:
            await self._registrar.save(self._actor, await self._registrar.reread(record), Stayed())
            error.remedy = "The tokens stay. Try again, or drop them without telling the partner: --force"
        await self._failed(UNREGISTER, record, error, again=error.outcome_unknown)
        return error

    async def revoke(self, name: str) -> PartnerRecord:
        """Drop both tokens at once and tell nobody."""

        def work(ledger: Ledger) -> PartnerRecord:
            ledger.apply(ledger.partner(name), Revoked())
            return ledger.partner(name)

        return await self._registrar.write(self._actor, work)

    async def _run(
        self, record: PartnerRecord, invitation_token: str, progress: Progress, *, resuming: bool
    ) -> PartnerRecord:
        registrar, partner = self._registrar, record.partner
        earlier = await self._pending(record)
        flow = self._flow(record, invitation_token, earlier, resuming=resuming)
        saver = _Saver(registrar, self._actor, record, progress)
        try:
            await perform(flow, fetch=registrar.fetcher(partner.name), save=saver, progress=progress)
        except GatewayError as error:
            half_open = earlier is not None and _says(error, POST_CREDENTIALS, *_SPENT)
            error.remedy = _POST_ARRIVED if half_open else _remedy(error, partner.name)
            await self._failed(REGISTER, record, error)
            if half_open and earlier is not None:
                await self._half_open(saver.record, earlier, _POST_ARRIVED)
            raise
        registrar.on_outcome(Ending(ROLE, REGISTER, "registered", partner.name))
        return await registrar.reread(record)

    def _flow(
        self, record: PartnerRecord, invitation_token: str, earlier: str | None, *, resuming: bool
    ) -> Flow[Completed]:
        """The whole handshake; or, where TOKEN_B was made and may have been sent, only its POST again."""
        registrar, partner = self._registrar, self._registrar.as_configured(record.partner)
        endpoint = credentials_endpoint(partner.endpoints)
        if resuming and earlier is not None and endpoint is not None:
            return repeat(
                registrar.front,
                partner,
                url=endpoint.url,
                invitation_token=invitation_token,
                inbound_token=earlier,
            )
        target = Target(
            partner.versions_url or "",
            invitation_token,
            manners=partner.manners,
            hosts=registrar.hosts_of(partner.name),
        )
        inbound_token = earlier or registrar.vault.new_token()
        return initiate(registrar.front, target, inbound_token=inbound_token)

    async def _half_open(self, record: PartnerRecord, inbound_token: str, reason: str) -> None:
        """Say so, unless another process moved the partner meanwhile: what that one reached is better."""
        with suppress(ConcurrentChangeError):
            await self._registrar.save(self._actor, record, HalfOpened(reason, inbound_token))

    async def _pending(self, record: PartnerRecord) -> str | None:
        registrar = self._registrar
        return await registrar.store.read(
            lambda connection: pending_token(
                connection, registrar.vault, partner_id=record.partner.id, now=registrar.clock()
            )
        )

    async def _failed(self, verb: str, record: PartnerRecord, error: GatewayError, *, again: bool = False) -> None:
        """Tell and keep why a handshake failed; `again` where a running gateway is to try it again later."""
        ending = Ending(ROLE, verb, "failed", record.partner.name)
        await self._registrar.note_failure(self._actor, ending, error, again=again)


class _Saver:
    """Saves a flow's changes one after the other, each on the record as the one before left it.

    What a partner answered is saved on the record as it is then, whatever changed meanwhile, and again for a while
    where the store fails: its token must not be lost (handshake.md, SP5 and SP6).

    Attributes:
        record: the partner as the flow last saved it.
    """

    def __init__(self, registrar: Registrar, actor: str, record: PartnerRecord, progress: Progress) -> None:
        self._registrar = registrar
        self._actor = actor
        self.record = record
        self._progress = progress

    async def __call__(self, change: Change) -> None:
        if isinstance(change, Completed | Rotated):
            await self._insist(change)
        else:
            self.record = await self._registrar.save(self._actor, self.record, change)

    async def _insist(self, change: Change) -> None:
        for seconds in self._registrar.save_again_after_seconds:
            try:
                await self._onto_present(change)
            except StoreUnavailableError as error:
                self._progress("save their answer", f"{error.message}; trying again in {seconds:g} s")
                await asyncio.sleep(seconds)
            else:
                return
        await self._onto_present(change)

    async def _onto_present(self, change: Change) -> None:
        name = self.record.partner.name
        await self._registrar.write(self._actor, lambda ledger: ledger.apply(ledger.partner(name), change))


def _interrupted(ledger: Ledger, name: str) -> tuple[PartnerRecord, str | None]:
    record = ledger.partner(name)
    return record, ledger.kept_invitation(record)


def _require(record: PartnerRecord, verb: str, *states: PartnerState) -> None:
    if record.partner.state not in states:
        raise OperatorError(
            f"can't {verb} while the partner {record.partner.name!r} is {record.partner.state}",
            remedy=f"It has to be {' or '.join(states)}",
        )


def _require_traffic(record: PartnerRecord, verb: str) -> None:
    """A suspended partner's call-backs are answered 401, so no handshake with it can end well."""
    name = record.partner.name
    if record.partner.suspended:
        raise OperatorError(
            f"can't {verb} while the partner {name!r} is suspended: its calls to us would be refused",
            remedy=f"Resume it first: ocpi-gateway partner resume {name}",
        )


def _says(error: GatewayError, step: str, *http_statuses: int) -> bool:
    return isinstance(error, HandshakeError) and error.step == step and error.http_status in http_statuses


def _remedy(error: GatewayError, name: str) -> str:
    """What the operator is to do about a registration that failed."""
    resume = f"ocpi-gateway partner register {name}"
    if isinstance(error, HandshakeError) and error.outcome_unknown and error.step == POST_CREDENTIALS:
        return f"It is not known whether the partner registered us. Resume: {resume}"
    if isinstance(error, HandshakeError) and error.http_status in REFUSALS:
        return (
            "The partner doesn't accept its TOKEN_A: it is mistyped, or has expired, or was used already. Ask for a "
            f"new one and give it: {resume} --versions-url URL --token-a TOKEN. If it says that the one it gave is "
            f"good, try again: {resume}"
        )
    return error.remedy or f"What you gave is kept. When the cause is mended, resume: {resume}"
