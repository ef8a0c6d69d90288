"""The real clock, handed to everything that needs the time."""

import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the clock that is passed around


def epoch_now() -> float:
    """The present moment in seconds since 1970, where making a `datetime` would cost too much."""
    return time.time()  # noqa: TID251 - this is the one place
