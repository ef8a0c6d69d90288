"""Backend and partner as whoever asked us sees them, and what a request to them may cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.net.failures import explain
from gateway.net.http1 import AnswerHead
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import Fault
from gateway.ocpi.flow import FetchCause
from gateway.ocpi.refusal import RefusedError

#: Makes the headers of our answer, as whole lines, from the other side's; may refuse it.
MakeHead = Callable[[AnswerHead], str]
#: Told when an exchange is over; with a refusal, or a bug of ours, where nothing was answered.
Done = Callable[[Exception | None], None]


@dataclass(frozen=True, slots=True)
class OtherSide:
    """Backend or partner, as whoever asked us sees it.

    Attributes:
        name: how the log calls it.
        fault: who has to act when it fails.
        asker: who has to act when the request itself is at fault.
        failed: the answer where it refused, reset, can't be reached, or answered something that isn't HTTP.
        slow: the answer where it took too long.
        explains: whoever asked may read why it failed.
    """

    name: str
    fault: Fault
    asker: Fault
    failed: Answer
    slow: Answer
    explains: bool = False

    def refusal(self, error: BaseException) -> RefusedError:
        """What one of `FAILURES` means to whoever asked us."""
        failure = explain(error)
        answer = self.slow if failure.cause is FetchCause.TIMEOUT else self.failed
        fault = Fault.OPERATOR if failure.cause in {FetchCause.POLICY, FetchCause.URL} else self.fault
        return self._refuse(answer, fault, f"{failure.words}. {failure.remedy}" if failure.remedy else failure.words)

    def gone(self) -> RefusedError:
        """It can't be reached, as was seen a moment ago; nothing was sent."""
        return self._refuse(self.failed, self.fault, "can't be reached, and is not asked by every request meanwhile")

    def unusable(self, words: str) -> RefusedError:
        """Its answer is HTTP, but nothing that can be passed on."""
        return self._refuse(self.failed, self.fault, words)

    def _refuse(self, answer: Answer, fault: Fault, words: str) -> RefusedError:
        reason = f"{self.name} {words}"
        return RefusedError(
            replace(answer, status_message=reason) if self.explains else answer, fault=fault, reason=reason
        )


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow whoever asked may be in sending a body and in taking the answer (hardening.md, T10, D1).

    Attributes:
        pause_seconds: the longest pause.
        least_bytes_per_second: on average, beyond the first such pause; 0 allows any pace.
    """

    pause_seconds: float
    least_bytes_per_second: int

    def left(self, *, waited: float, moved: int) -> float:
        """How many seconds it may let us wait now, after so many seconds of waiting in which so many bytes moved."""
        if not self.least_bytes_per_second:
            return self.pause_seconds
        return min(self.pause_seconds, self.pause_seconds + moved / self.least_bytes_per_second - waited)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request may cost.

    Attributes:
        body_bytes: the largest body that travels on.
        pace: how slow its sender may be.
        other_seconds: how long the other side may leave a piece of it untaken.
    """

    body_bytes: int
    pace: Pace
    other_seconds: float
