"""Reads heads with a memory: those of one form, as most messages of one sender are, are taken apart once.

What differs between them is cut out first, and what is left is looked up as it stands, byte for byte. A head that is
found there was accepted before by the grammar of `gateway.net.http1`, which reads all others.
"""

import re
from typing import Final, Generic, TypeVar

from gateway.net.http1 import VARYING, AnswerHead, Bounds, Form, RequestHead, read_answer, read_length, read_request

_VARYING: Final = re.compile(rb"\r\n((?i:content-length|x-correlation-id|x-request-id)): ([!-~]+)(?=\r\n)")
_TARGET: Final = re.compile(rb"/[!-~]*+")
#: Longer heads are not remembered, nor more than so many: all together they take some megabytes.
_LONGEST: Final = 2048
_MOST: Final = 2048

_Key = tuple[bytes, ...]
_First = TypeVar("_First", str, int)


class _Known(Generic[_First]):
    """What heads with the same key have in common.

    Attributes:
        first: the method, or the status.
        length: of the body; None where `Content-Length` tells.
        length_at, request_id_at, correlation_id_at: where they stand among what was cut out; -1 where they don't.
    """

    __slots__ = ("correlation_id_at", "first", "form", "length", "length_at", "request_id_at")

    def __init__(self, first: _First, cut: _Key, length: int, form: Form, *, bodiless: bool = False) -> None:
        names = [name.decode().lower() for name in cut]
        self.first: _First = first
        self.length_at, self.request_id_at, self.correlation_id_at = (
            names.index(name) if name in names else -1
            for name in ("content-length", "x-request-id", "x-correlation-id")
        )
        self.length = None if self.length_at >= 0 and not bodiless else length
        self.form = form
        form.plain = all(name in names for name in VARYING & form.headers.keys())


class RequestForms:
    """Reads heads of requests.

    What strangers send is not remembered unless somebody says so: they would drive out what is of use.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._longest = min(_LONGEST, bounds.field)
        self._known: dict[_Key, _Known[str]] = {}

    def read(self, raw: bytes) -> RequestHead:
        """As `read_request` does, and raises."""
        parts = raw.split(b" ", 2)
        if len(raw) > self._longest or len(parts) != 3 or not _TARGET.fullmatch(parts[1]):  # noqa: PLR2004
            return read_request(raw, self._bounds)
        pieces = _VARYING.split(parts[2])
        values = pieces[2::3]
        del pieces[2::3]
        key = (parts[0], *pieces)
        known = self._known.get(key)
        if known is None:
            head = read_request(raw, self._bounds)
            head.form.key = key
            return head
        length = known.length
        if length is None:
            length = read_length(values[known.length_at].decode())
        first, second = known.request_id_at, known.correlation_id_at
        return RequestHead(
            known.first,
            parts[1].decode(),
            length,
            known.form,
            values[first].decode() if first >= 0 else None,
            values[second].decode() if second >= 0 else None,
        )

    def remember(self, head: RequestHead) -> None:
        """More like this one will come."""
        key = head.form.key
        if key is not None and key not in self._known:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = _Known(head.method, key[2::2], head.length, head.form)


class AnswerForms:
    """Reads heads of answers, and remembers each."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._longest = min(_LONGEST, bounds.field)
        self._known: dict[_Key, _Known[int]] = {}

    def read(self, raw: bytes, method: str) -> AnswerHead:
        """As `read_answer` does, and raises."""
        if len(raw) > self._longest or method == "HEAD":
            return read_answer(raw, self._bounds, method=method)
        pieces = _VARYING.split(raw)
        values = pieces[2::3]
        del pieces[2::3]
        key = tuple(pieces)
        known = self._known.get(key)
        if known is None:
            head = read_answer(raw, self._bounds, method=method)
            if len(self._known) >= _MOST:
                self._known.clear()
            bodiless = head.is_bodiless
            self._known[key] = _Known(head.http_status, key[1::2], head.length, head.form, bodiless=bodiless)
            return head
        length = known.length
        if known.length_at >= 0:
            said = read_length(values[known.length_at].decode())
            length = said if length is None else length
        return AnswerHead(known.first, length or 0, known.form)
