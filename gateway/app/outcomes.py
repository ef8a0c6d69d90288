"""How handshakes end, told to log and metrics: this process's own, and those that the command line runs beside it."""

from typing import Final

from structlog.typing import FilteringBoundLogger as Logger

from gateway.handshake import initiator
from gateway.handshake.registrar import Outcome
from gateway.observe.events import Event
from gateway.observe.metrics import Metrics
from gateway.store import audit
from gateway.store.engine import Store

#: Who acts on the command line, in the audit trail.
COMMAND_LINE: Final = "cli"


def teller(metrics: Metrics, log: Logger) -> Outcome:
    """What tells log and metrics of a handshake's end."""

    def tell(role: str, outcome: str, partner: str, reason: str) -> None:
        metrics.handshake_ended(role=role, outcome=outcome)
        if reason:
            log.warning(Event.HANDSHAKE_FAILED, role=role, outcome=outcome, partner=partner, reason=reason)
        else:
            log.info(Event.HANDSHAKE_FINISHED, role=role, outcome=outcome, partner=partner)

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
                [] if after is None else audit.outcomes(connection, actor=COMMAND_LINE, after=after),
            )
        )
        for one in ended:
            self._tell(initiator.ROLE, one.outcome, one.partner, one.reason)
