"""Request targets by grammar: good ones, good ones with one bad turn, and pieces in any order (hardening.md, P1)."""

import os

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st

#: The seed of `make paths`, which tries 100 000 in parts; without one a few are tried, always the same.
SEED = os.environ.get("OCPI_GATEWAY_PATHS")
PARTS = 20 if SEED else 1

GOOD = b"a LOC1 DE*ABC*E1 De x:y,(z)'!$&+=_- a@b ... .hidden ~ %20 %C3%A9 %41".split()
BAD = [
    *rb". .. %2e %2E%2e .%2e %2f %2F.. %5c %5C \ // / /./ /../ %00 %0d%0a %09 %7f %25 %252e %252f % %4 %zz".split(),
    *rb'%u002e %ff %c0%ae %ed%a0%80 %e2%80%ae ; ;a=b # #a | " < > ^ ` { } [ ]'.split(),
    *(text.encode() for text in ("\xe4", "\uff0e\uff0e", "\uff0f", "\u202e")),
    *(bytes([code]) for code in (0, 1, 8, 9, 10, 11, 12, 13, 27, 31, 32, 127, 128, 160, 0xE4, 0xFF)),
]
ROOTS = rb"""
    /ocpi/2.2.1/sender/locations /ocpi/2.2/sender/locations /ocpi/2.2.1/SENDER/Locations
    /ocpi/2.2.1/receiver/tokens /ocpi/2.2.1/receiver/tokens/DE/ABC /ocpi/2.2.1/receiver/tokens/DE/XYZ
""".split()
ELSEWHERE = rb"""
    / // * /ocpi /ocpi/versions /ocpi/2.2.1 /ocpi/2.2.1/credentials /legacy /partners/acme /OCPI/2.2.1/sender/locations
    /ocpi/2.2.1/sender/cdrs /ocpi/2.2.1/sender/locations. /ocpi/2.2.1/sender/locations@evil.test /ocpi/9/sender/x
    http://gateway.test/ocpi/2.2.1/sender/locations //gateway.test/ocpi/2.2.1/sender/locations @evil.test/
    ocpi/2.2.1/sender/locations gateway.test:443
""".split()
FIELDS = [b"", *rb"offset=10 limit=50 date_from=2026-01-02T03:04:05Z a=%zz b=/../x// ? & = c=%00".split(), *BAD]

_bytes = st.integers(0, 255).map(lambda code: bytes([code]))
_escapes = st.builds("%{:02{}}".format, st.integers(0, 255), st.sampled_from("xX")).map(str.encode)
_good = st.sampled_from(GOOD)
_pieces = st.one_of(_good, _good, st.sampled_from(BAD), _escapes, _bytes)
_fields = st.sampled_from(FIELDS)
_paths = st.lists(st.lists(_good, min_size=1, max_size=3).map(b"".join), max_size=4).map(
    lambda segments: b"".join(b"/" + segment for segment in segments)
)
_queries = st.one_of(st.just(b""), st.lists(_fields, max_size=3).map(lambda fields: b"?" + b"&".join(fields)))
_roots = st.one_of(st.sampled_from(ROOTS), st.sampled_from(ROOTS), st.sampled_from(ROOTS), st.sampled_from(ELSEWHERE))


@st.composite
def _turned(draw):
    """A target with one bad piece somewhere in it."""
    target = draw(st.sampled_from(ROOTS)) + draw(_paths) + draw(_queries)
    place = draw(st.integers(0, len(target)))
    return target[:place] + draw(st.one_of(st.sampled_from(BAD), _escapes, _bytes)) + target[place:]


#: Targets as bytes on the wire.
targets = st.one_of(
    st.builds(lambda *parts: b"".join(parts), _roots, _paths, st.sampled_from([b"", b"", b"/"]), _queries),
    _turned(),
    st.builds(lambda root, rest: root + b"/" + b"".join(rest), _roots, st.lists(_pieces, max_size=8)),
)


def searched(part, examples):
    """Settings for a property of targets: so many examples, or one part of `make paths`."""
    made = settings(
        max_examples=5000 if SEED else examples,
        derandomize=SEED is None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    return lambda test: made(test if SEED is None else seed(f"{SEED} {part}")(test))
