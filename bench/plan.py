"""How long everything takes: the whole benchmark, and its quick form, which shows only that it works."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Amounts and times.

    Attributes:
        seconds: of the whole.
        rounds: at most.
        check_seconds: of each lane, before the rounds.
        warm_seconds, slice_seconds: of each slice.
        starts: of each kind of gateway.
        many: partners in the larger of two databases.
        stream_mb, stream_seconds: of each of the large bodies, and in which a slow end takes it.
        growth_seconds: of requests between two looks at the memory.
    """

    seconds: float
    rounds: int
    check_seconds: float
    warm_seconds: float
    slice_seconds: float
    starts: int
    many: int
    stream_mb: int
    stream_seconds: float
    growth_seconds: float

    @property
    def after_rounds_seconds(self) -> float:
        """What is kept for what comes after the rounds."""
        return self.growth_seconds + 3 * self.stream_seconds


WHOLE = Plan(
    seconds=600,
    rounds=20,
    check_seconds=0.3,
    warm_seconds=0.1,
    slice_seconds=0.5,
    starts=5,
    many=100_000,
    stream_mb=100,
    stream_seconds=8,
    growth_seconds=30,
)
QUICK = Plan(
    seconds=60,
    rounds=2,
    check_seconds=0.05,
    warm_seconds=0.05,
    slice_seconds=0.15,
    starts=1,
    many=2_000,
    stream_mb=10,
    stream_seconds=2,
    growth_seconds=2,
)
