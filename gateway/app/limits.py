"""How much partners and strangers may ask of the public listener, and what each partner may use.

Everything here is decided in memory and before the backend sees anything (hardening.md, H2 and D1). Each worker counts
for itself: N workers allow N times as much.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger as Logger

from gateway.config import Config
from gateway.net.quota import Quota
from gateway.net.source import read_address, subscriber
from gateway.observe.events import Event
from gateway.ocpi.errors import Fault
from gateway.ocpi.partner import Partner
from gateway.proxy import refusals
from gateway.proxy.way import Seats

#: How many seconds' worth of requests may come at once.
_BURST_SECONDS: Final = 10
#: How long the log is silent about a limit that was told of.
_QUIET_SECONDS: Final = 10


class TrafficLimits:
    """Limits of one worker.

    Args:
        on_limited: told at each request that is kept out of the limit's key in the configuration.
        monotonic: gives seconds that only ever grow.
    """

    def __init__(
        self, config: Config, *, on_limited: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        limits = config.limits
        self._on_limited = on_limited
        self._config = config
        self._monotonic = monotonic
        self._most_in_flight = limits.requests_in_flight_per_partner
        self._seats: dict[str, Seats] = {}
        self._by_source = self._quota(limits.requests_per_second_per_source)
        self._by_failures = self._made(limits.failed_authentications_per_second_per_source)
        self._by_partner = self._quota(limits.requests_per_second_per_partner)
        self._of_partner = {
            name.lower(): self._made(settings.requests_per_second)
            for name, settings in config.partners.items()
            if settings.requests_per_second is not None
        }
        self._has_quotas = bool(self._of_partner) or self._by_partner is not None

    def _quota(self, per_second: float | None) -> Quota | None:
        return None if per_second is None else self._made(per_second)

    def _made(self, per_second: float) -> Quota:
        return Quota(per_second, burst=per_second * _BURST_SECONDS, monotonic=self._monotonic)

    def came_from(self, source: str) -> None:
        """A request came from an address.

        Raises:
            RefusedError: 429, too many came from there.
        """
        if self._by_source is not None:
            self._require("requests_per_second_per_source", self._by_source.take(subscriber(source)))

    @property
    def counts_sources(self) -> bool:
        """Whether `came_from` has a say."""
        return self._by_source is not None

    def may_look(self, source: str) -> bool:
        """Whether an unknown token from an address may make us look into the database."""
        return self._by_failures.has_room(subscriber(source))

    def refused_token(self, source: str) -> None:
        """A token from an address was refused."""
        self._by_failures.take(subscriber(source))

    def forward(self, partner: Partner) -> None:
        """A request of a partner is about to be forwarded; `forwarded` has to follow, exactly once.

        Raises:
            RefusedError: 429, the partner sends too many; nothing has to follow.
        """
        quota = self._of_partner.get(partner.name.lower(), self._by_partner) if self._has_quotas else None
        if quota is not None:
            self._require("requests_per_second_per_partner", quota.take(partner.id))
        seats = self._seats_of(partner.name)
        if seats.taken >= seats.most:
            self._require("requests_in_flight_per_partner", 1)
        seats.taken += 1

    def seats(self, name: str) -> Seats | None:
        """The seats of a partner, where having one is all that `came_from` and `forward` ask for; None elsewhere."""
        return None if self._has_quotas or self._by_source is not None else self._seats_of(name)

    def forwarded(self, name: str) -> None:
        """A request of the partner of that name is over."""
        self._seats[name].taken -= 1

    def _seats_of(self, name: str) -> Seats:
        seats = self._seats.get(name)
        if seats is None:
            seats = self._seats[name] = Seats(self._most_in_flight)
        return seats

    def _require(self, limit: str, wait_seconds: float) -> None:
        if wait_seconds:
            self._on_limited(limit)
            raise refusals.too_many(math.ceil(wait_seconds), fault=Fault.PARTNER, reason=f"limits.{limit} is reached")


class Alarm:
    """Counts what limits keep out, and says so in the log now and then.

    Args:
        count: told of each.
        monotonic: gives seconds that only ever grow.
    """

    def __init__(
        self, log: Logger, *, count: Callable[[str], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._count = count
        self._monotonic = monotonic
        self._since: Counter[str] = Counter()
        self._not_before: dict[str, float] = {}

    def __call__(self, limit: str) -> None:
        """A limit kept something out."""
        self._count(limit)
        self._since[limit] += 1
        if self._monotonic() >= self._not_before.get(limit, 0.0):
            self._log.warning(Event.LIMIT_REACHED, limit=f"limits.{limit}", times=self._since.pop(limit))
            self._not_before[limit] = self._monotonic() + _QUIET_SECONDS


class Permissions:
    """What the configuration lets each partner do."""

    def __init__(self, config: Config) -> None:
        self._settings = {name.lower(): settings for name, settings in config.partners.items()}
        self._modules = {
            name: {module.lower(): frozenset(methods) for module, methods in settings.modules.items()}
            for name, settings in self._settings.items()
            if settings.modules is not None
        }

    def restricts(self, partner: Partner) -> bool:
        """Whether there can be an objection to a partner."""
        return partner.name.lower() in self._settings

    def objection(self, partner: Partner, *, source: str, certificate: Callable[[], object]) -> str:
        """Why a partner may not call from there, for the log; empty where it may.

        Args:
            certificate: gives the client certificate of its connection, if there is one.
        """
        settings = self._settings.get(partner.name.lower()) if self._settings else None
        if settings is None:
            return ""
        if settings.client_certificate_required and not certificate():
            return "no client certificate was shown"
        address = read_address(source)
        if settings.addresses and not (address and any(address in network for network in settings.addresses)):
            return f"{source or 'its address'} is not among partners.{partner.name}.addresses"
        return ""

    def require(self, partner: Partner, module: str, method: str) -> None:
        """Raise for a module or method that a partner may not use.

        Raises:
            RefusedError: 403, or 405 with what it may do.
        """
        modules = self._modules.get(partner.name.lower()) if self._modules else None
        if modules is None:
            return
        if module not in modules:
            raise refusals.not_permitted(f"your platform may not use the module {module[:36]} here")
        if method not in modules[module]:
            raise refusals.method_not_permitted(sorted(modules[module]))

    def offers(self, partner: Partner, module: str) -> bool:
        """Whether a partner may use a module at all."""
        modules = self._modules.get(partner.name.lower())
        return modules is None or bool(modules.get(module.lower()))
