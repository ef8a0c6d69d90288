"""Finds secrets in whatever is looked at, as they are and in every writing in which they could have got there.

A token that the gateway made is known by its form, a cut one too. Every other secret has to be told.
"""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote_from_bytes

from gateway.ocpi.tokens import PREFIX

#: Shorter ones, and those of few different characters, stand everywhere by chance, and are no secrets.
_SHORTEST, _FEWEST = 10, 5

_OURS = PREFIX.encode()
#: The beginning of our tokens in each writing, and what counts as one: 16 characters more, because a cut one leaks too.
_FORMS = (
    (_OURS, "as it is", re.compile(re.escape(_OURS) + rb"[0-9A-Za-z]{16}")),
    (b"b2NwaWd3X", "in Base64", re.compile(rb"b2NwaWd3X[A-Za-z0-9+/_-]{20}")),
    (b"9jcGlnd1", "in Base64", re.compile(rb"9jcGlnd1[A-Za-z0-9+/_-]{20}")),
    (b"vY3BpZ3df", "in Base64", re.compile(rb"vY3BpZ3df[A-Za-z0-9+/_-]{20}")),
    (_OURS.hex().encode(), "in hex", re.compile(_OURS.hex().encode() + rb"[0-9a-f]{32}")),
)


@dataclass(frozen=True)
class Hit:
    """A secret that was found; `str` says which, and never shows it."""

    kind: str
    fingerprint: str
    encoding: str
    offset: int

    def __str__(self):
        return f"{self.kind} {self.fingerprint} stands {self.encoding}"


class Search:
    """What is looked for."""

    def __init__(self):
        self._kinds = {}
        self._needles = []

    def __len__(self):
        return len(self._kinds)

    def add(self, kind, secret):
        """Look for this, too; gives whether it is new. `secret` is text or bytes."""
        value = secret.encode(errors="surrogateescape") if isinstance(secret, str) else bytes(secret)
        if value in self._kinds or len(value) < _SHORTEST or len(set(value)) < _FEWEST:
            return False
        self._kinds[value] = kind
        self._needles += ((needle, encoding, value) for needle, encoding in writings(value))
        return True

    def clear(self):
        self._kinds.clear()
        self._needles.clear()

    def find(self, data):
        """Each secret that stands in `data`, once for each writing."""
        for beginning, encoding, whole in _FORMS:
            if beginning in data:
                for match in whole.finditer(data):
                    yield Hit("a token that the gateway made", fingerprint(match[0]), encoding, match.start())
        for needle, encoding, value in self._needles:
            if needle in data:
                yield Hit(self._kinds[value], fingerprint(value), encoding, data.index(needle))


@lru_cache(maxsize=1024)
def writings(value):
    """The writings of a secret, each with its name, of which at least one stands wherever it got out."""
    plain = {value: "as it is"}
    quoted = quote_from_bytes(value, safe="").encode()
    found = {
        json.dumps(value.decode("latin-1"))[1:-1].encode(): "JSON-escaped",
        value.replace(b"/", b"\\/"): "JSON-escaped",
        repr(value)[2:-1].encode(): "escaped",
        quoted: "URL-encoded",
        re.sub(rb"%..", lambda escape: escape[0].lower(), quoted): "URL-encoded",
        value.hex().encode(): "in hex",
    }
    for shift in range(3):
        for each in _base64(value, shift):
            found[each] = found[quote_from_bytes(each, safe="").encode()] = "in Base64"
    return tuple((found | plain).items())


def _base64(value, shift):
    """Base64 of a secret that so many bytes stand before: what doesn't depend on its neighbours, in both alphabets."""
    end = (shift + len(value)) // 3 * 4
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(b"\0" * shift + value)[4 if shift else 0 : end]


def fingerprint(value):
    """By which a secret can be told from others."""
    return hashlib.sha256(value).hexdigest()[:8]
