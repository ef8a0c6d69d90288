"""How handshakes end, told to log and metrics: this process's own, and those that the command line runs beside it."""

from typing import Final

from structlog.typing import FilteringBoundLogger as Logger

from gateway.handshake import initiator
from gateway.handshake.initiator import ROTATE
from gateway.handshake.registrar import Ending, Outcome
from gateway.observe.call import current_call
from gateway.observe.events import Event
from gateway.observe.metrics import Metrics
from gateway.ocpi.errors import GatewayError
from gateway.store import audit
from gateway.store.engine import Store

#: Who acts on the command line, in the audit trail.
COMMAND_LINE: Final = "cli"


def teller(metrics: Metrics, log: Logger) -> Outcome:
    """What tells log and metrics of a handshake's end."""

    def tell(ending: Ending) -> None:
        metrics.handshake_ended(role=ending.role, outcome=ending.outcome)
        call, error = current_call.get(), ending.error
        fields = {"role": ending.role, "verb": ending.verb, "outcome": ending.outcome, "partner": ending.partner}
        if call is not None:
            fields["request_id"] = call.request_id
        if error is None:
            log.info(Event.HANDSHAKE_FINISHED, **fields)
            return
        if ending.verb == ROTATE:
            metrics.rotation_failed(ending.partner)
        step = getattr(error, "step", "")
        why = {"reason": error.message, "fault": error.fault, "step": step, "what_to_do": error.remedy}
        log.warning(Event.HANDSHAKE_FAILED, **fields, **{name: value for name, value in why.items() if value})

    return tell


class Elsewhere:
    """Tells of the handshakes of the command line, which leaves nothing behind but the audit trail."""

    def __init__(self, store: Store, tell: Outcome) -> None:
        self._store = store
        self._tell = tell
        self._read: int | None = None

    async def look(self) -> None:
        """Tell of what ended since the last look; the first only takes note of where to begin.

        Raises:
            StoreUnavailableError: the audit trail can't be read.
        """
        after = self._read
        self._read, ended = await self._store.read(
            lambda connection: (
                audit.newest(connection),
                [] if after is None else audit.ended(connection, actor=COMMAND_LINE, after=after),
            )
        )
        for one in ended:
            error = GatewayError(one.reason, remedy=one.remedy) if one.reason else None
            if error is not None:
                error.fault = one.fault
            self._tell(Ending(initiator.ROLE, one.verb, one.outcome, one.partner, error))
