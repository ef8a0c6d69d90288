"""Checks that look at several keys, and things worth a warning.

Each check takes the top-level keys that it reads as keyword arguments of the same name; it runs whenever those are
valid, so that these problems are reported together with all others (contract.md, Configuration).
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from gateway.config.identity import Backend, OurParty
from gateway.config.network import Listen, Outbound, PartnerSettings
from gateway.config.problems import Finding, KeyPath
from gateway.config.tuning import Limits
from gateway.ocpi.vocabulary import CREDENTIALS, STANDARD_MODULES

if TYPE_CHECKING:
    from gateway.config.model import Config

CROSS_FIELD: Final = "cross_field"

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on
_SHORT_TOKEN: Final = 16


def findings(values: Mapping[str, Any]) -> Iterator[Finding]:
    """Run every check whose keys are among the given valid ones."""
    for check in _CHECKS:
        keys = inspect.signature(check).parameters
        if keys.keys() <= values.keys():
            yield from check(**{key: values[key] for key in keys})


def _public_url_is_https(*, public_url: str, development: bool) -> Iterator[Finding]:
    if not development and not public_url.startswith("https://"):
        yield Finding(
            ("public_url",),
            "must start with https://, because partners send their tokens there",
            "set development: true to try things out over http",
        )


def _listeners_do_not_collide(*, listen: Listen) -> Iterator[Finding]:
    for (one, first), (other, second) in combinations(dict(listen).items(), 2):
        same_host = first.host == second.host or {first.host, second.host} & _WILDCARDS
        if first.port and first.port == second.port and same_host:
            yield Finding(("listen", other, "port"), f"is the port of listen.{one} too", "give each its own")


def _workers_share_fixed_ports(*, workers: int, listen: Listen) -> Iterator[Finding]:
    for name, listener in dict(listen).items():
        if workers > 1 and listener.port == 0:
            yield Finding(("listen", name, "port"), "is 0, any free port, which several workers can't share")


def _each_party_stands_once(*, parties: tuple[OurParty, ...]) -> Iterator[Finding]:
    seen: dict[Any, int] = {}
    for index, ours in enumerate(parties):
        first = seen.setdefault((ours.party, ours.role), index)
        if first != index:
            yield Finding(("parties", index), f"is the same party and role as parties[{first}]", "remove one")


def _each_version_stands_once(*, versions: tuple[str, ...]) -> Iterator[Finding]:
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield Finding(("versions", index), "stands here twice", "remove one")


def _budgets_nest(*, outbound: Outbound) -> Iterator[Finding]:
    if outbound.get_timeout_seconds > outbound.callback_budget_seconds:
        yield Finding(
            ("outbound", "get_timeout_seconds"),
            "is longer than outbound.callback_budget_seconds, the time for all call-backs together",
        )


def _body_limits_nest(*, limits: Limits) -> Iterator[Finding]:
    for key in ("credentials_body_bytes", "rewritten_body_bytes"):
        if getattr(limits, key) > limits.body_bytes:
            yield Finding(("limits", key), "is larger than limits.body_bytes, the limit for every body")


def _module_names_differ_by_more_than_case(*, backend: Backend) -> Iterator[Finding]:
    yield from _same_but_for_case(("backend", "modules"), backend.modules)


def _partner_names_differ_by_more_than_case(*, partners: Mapping[str, PartnerSettings]) -> Iterator[Finding]:
    yield from _same_but_for_case(("partners",), partners)


def _client_keys_have_certificates(*, partners: Mapping[str, PartnerSettings]) -> Iterator[Finding]:
    for name, settings in partners.items():
        if settings.client_key is not None and settings.client_certificate is None:
            yield Finding(
                ("partners", name, "client_key"), "is a key without a certificate", "name it in client_certificate"
            )


def _same_but_for_case(key_path: KeyPath, names: Iterable[str]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in names:
        first = seen.setdefault(name.lower(), name)
        if first != name:
            yield Finding((*key_path, name), f"differs from {first} in letter case only", "remove one")


_CHECKS: Final[tuple[Callable[..., Iterator[Finding]], ...]] = (
    _public_url_is_https,
    _listeners_do_not_collide,
    _workers_share_fixed_ports,
    _each_party_stands_once,
    _each_version_stands_once,
    _budgets_nest,
    _body_limits_nest,
    _module_names_differ_by_more_than_case,
    _partner_names_differ_by_more_than_case,
    _client_keys_have_certificates,
)


def warnings_of(config: "Config") -> Iterator[Finding]:
    """What works, but probably not as meant."""
    if config.development:
        yield Finding(("development",), "partners may use http and loopback addresses", "never do so in production")
    if config.listen.private.host in _WILDCARDS and "private_url" not in config.model_fields_set:
        yield Finding(
            ("listen", "private", "host"),
            f"is a wildcard, so links for the backend start with {config.private_url}",
            "set private_url to the URL under which the backend reaches us",
        )
    if not config.development and len(config.backend.egress_token.get_secret_value()) < _SHORT_TOKEN:
        yield Finding(("backend", "egress_token"), f"is shorter than {_SHORT_TOKEN} characters", "make it longer")
    if not config.backend.modules:
        yield Finding(("backend", "modules"), "is empty, so partners are offered nothing but credentials")
    for name in config.backend.modules:
        yield from _misspelt(("backend", "modules", name), name)
    for index, required in enumerate(config.required_modules):
        yield from _misspelt(("required_modules", index), required.partition(":")[0])


def _misspelt(key_path: KeyPath, module: str) -> Iterator[Finding]:
    known = sorted(STANDARD_MODULES - {CREDENTIALS})
    close = get_close_matches(module.lower(), known, n=1, cutoff=0.8)
    if module not in known and close:
        yield Finding(key_path, "is not a module of OCPI, but taken as one of your own", f"did you mean '{close[0]}'?")
