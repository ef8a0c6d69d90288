"""The rules of thumb that the operator can set: when something is tried again, how far a token is trusted."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.ocpi.partner import Partner

_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before another attempt (configuration: `rotation`).

    Attributes:
        first: after the first failure; it doubles with each further one.
        most: never longer than this.
    """

    first: timedelta = timedelta(minutes=15)
    most: timedelta = timedelta(hours=24)

    def after(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row, at least one; up to a quarter more than that, by chance."""
        doublings = min(max(failures, 1) - 1, 32)
        wait = min(self.first * 2.0**doublings, self.most)
        return wait * (1 + random.uniform(0, _SPREAD))  # noqa: S311 - a jitter is no secret


@dataclass(frozen=True, slots=True)
class Trust:
    """How far a token is trusted (configuration: `tokens`).

    Attributes:
        refusals: how many 401 in a row end a token that has worked.
        fallback: how long a former token is fallen back to.
    """

    refusals: int = 3
    fallback: timedelta = timedelta(hours=24)

    def former(self, partner: Partner, now: datetime) -> str | None:
        """The former token that a call refused with the present one is tried with; None where there is none."""
        if partner.previous_outbound_token is None or partner.outbound_since is None:
            return None
        return partner.previous_outbound_token if now < partner.outbound_since + self.fallback else None
