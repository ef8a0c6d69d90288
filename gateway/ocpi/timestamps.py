"""Time as OCPI writes it, and the clock that everything else is handed.

We emit UTC with `Z`; timestamps of others are never parsed, because we only forward them (interop.md).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

#: Gives the present moment as an aware datetime in UTC.
Clock = Callable[[], datetime]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def format_timestamp(moment: datetime) -> str:
    """Write an aware moment as OCPI's DateTime: UTC, seconds, `Z` (OCPI 2.2.1, types, DateTime)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
