"""Reads heads with a memory: those of one form, as most messages of one sender are, are taken apart once.

What differs between them is cut out first, and what is left is looked up as it stands, character for character. A head
that is found there was accepted before by the grammar of `gateway.net.http1`, which reads all others.
"""

import re
from typing import Final

from gateway.net.http1 import VARYING, AnswerHead, Bounds, Form, RequestHead, read_answer, read_request

#: Headers that differ, as nearly everybody spells them, with values that are good in any head.
_CUT: Final = re.compile(
    r"\n(X-(?:Request|Correlation)-ID|x-(?:request|correlation)-id|[Cc]ontent-[Ll]ength(?=: (?:0|[1-9][0-9]{0,18})\r))"
    r": ([!-~]++)(?=\r\n)"
)
_TARGET: Final = re.compile(r"/[!-~]*+")
#: Longer heads are not remembered, nor more than so many: all together they take some megabytes.
_LONGEST: Final = 2048
_MOST: Final = 2048
_NOT_THERE: Final = -1

_Key = tuple[str, ...]


class _Known:
    """What heads with the same key have in common.

    Attributes:
        length: of the body; None where `Content-Length` tells.
        length_at, request_id_at, correlation_id_at: where these stand among what was cut out.
    """

    __slots__ = ("correlation_id_at", "form", "length", "length_at", "request_id_at")

    def __init__(self, names: list[str], length: int, form: Form, *, bodiless: bool = False) -> None:
        lowered = [name.lower() for name in names]
        self.length_at, self.request_id_at, self.correlation_id_at = (
            lowered.index(name) if name in lowered else _NOT_THERE
            for name in ("content-length", "x-request-id", "x-correlation-id")
        )
        self.length = None if self.length_at >= 0 and not bodiless else length
        self.form = form
        form.plain = all(name in lowered for name in VARYING & form.headers.keys())


class RequestForms:
    """Reads heads of requests.

    What strangers send is not remembered unless somebody says so: they would drive out what is of use.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._longest = min(_LONGEST, bounds.field)
        self._known: dict[_Key, _Known] = {}

    def read(self, raw: bytes) -> RequestHead:
        """As `read_request` does, and raises."""
        method, _, rest = raw.decode("latin-1").partition(" ")
        target, _, rest = rest.partition(" ")
        pieces = _CUT.split(rest)
        values = pieces[2::3]
        del pieces[2::3]
        known = self._known.get((method, *pieces))
        if known is None or len(raw) > self._longest or not _TARGET.fullmatch(target):
            head = read_request(raw, self._bounds)
            head.form.key = (method, *pieces)
            return head
        length, first, second = known.length, known.request_id_at, known.correlation_id_at
        return RequestHead(
            method,
            target,
            int(values[known.length_at]) if length is None else length,
            known.form,
            values[first] if first >= 0 else None,
            values[second] if second >= 0 else None,
        )

    def remember(self, head: RequestHead) -> None:
        """More like this one will come."""
        key = head.form.key
        if key is not None and key not in self._known and sum(map(len, key)) <= self._longest:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = _Known(list(key[2::2]), head.length, head.form)


class AnswerForms:
    """Reads heads of answers, and remembers each."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._longest = min(_LONGEST, bounds.field)
        self._known: dict[_Key, tuple[_Known, AnswerHead]] = {}

    def read(self, raw: bytes, method: str) -> AnswerHead:
        """As `read_answer` does, and raises."""
        pieces = _CUT.split(raw.decode("latin-1"))
        values = pieces[2::3]
        del pieces[2::3]
        key = tuple(pieces)
        found = self._known.get(key)
        if found is None or len(raw) > self._longest or method == "HEAD":
            head = read_answer(raw, self._bounds, method=method)
            if len(raw) <= self._longest and method != "HEAD":
                self._remember(key, head)
            return head
        known, last = found
        length = known.length
        if length is None:
            length = int(values[known.length_at])
        return last if length == last.length else AnswerHead(last.http_status, length, known.form)

    def _remember(self, key: _Key, head: AnswerHead) -> None:
        if len(self._known) >= _MOST:
            self._known.clear()
        known = _Known(list(key[1::2]), head.length, head.form, bodiless=head.is_bodiless)
        self._known[key] = known, head
