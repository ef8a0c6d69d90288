"""Reads heads with a memory: those of one form, as most messages of one sender are, are taken apart once.

What differs between them is cut out first, and what is left is looked up as it stands, character for character. A head
that is found there was accepted before by the grammar of `gateway.net.http1`, which reads all others.
"""

import re
from typing import Final

from gateway.memory import Memory
from gateway.net.http1 import VARYING, AnswerHead, Bounds, Form, RequestHead, read_answer, read_request

#: Headers that differ, as nearly everybody spells them, with values that are good in any head.
_CUT: Final = re.compile(
    r"\n([Aa]uthorization|X-(?:Request|Correlation)-ID|x-(?:request|correlation)-id|"
    r"[Cc]ontent-[Ll]ength(?=: (?:0|[1-9][0-9]{0,18})\r)): ([!-~][ -~]*+)(?<! )(?=\r\n)"
)
_TARGET: Final = re.compile(r"/[!-~]*+")
#: Longer heads are not remembered, nor more forms than so many.
_LONGEST: Final = 2048
_MOST: Final = 1024
_MOST_OF_STRANGERS: Final = 128
_NOT_THERE: Final = -1

_Key = tuple[str, ...]


class _Known:
    """What heads with the same key have in common.

    Attributes:
        length: of the body; None where `Content-Length` tells.
        length_at, ...: where these stand among what was cut out.
    """

    __slots__ = ("authorization_at", "correlation_id_at", "form", "length", "length_at", "request_id_at")

    def __init__(self, names: list[str], length: int, form: Form, *, bodiless: bool = False) -> None:
        lowered = [name.lower() for name in names]
        self.authorization_at, self.length_at, self.correlation_id_at, self.request_id_at = (
            lowered.index(name) if name in lowered else _NOT_THERE for name in VARYING
        )
        self.length = None if self.length_at >= 0 and not bodiless else length
        self.form = form
        form.plain = all(name in lowered for name in VARYING if name in form.headers)


class RequestForms:
    """Reads heads of requests.

    Forms that strangers send have a place of their own, so that they don't drive out what is of use.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._longest = min(_LONGEST, bounds.field)
        self._known: Memory[_Key, _Known] = Memory(_MOST)
        self._of_strangers: Memory[_Key, _Known] = Memory(_MOST_OF_STRANGERS)

    def read(self, raw: bytes) -> RequestHead:
        """As `read_request` does, and raises."""
        method, _, rest = raw.decode("latin-1").partition(" ")
        target, _, rest = rest.partition(" ")
        pieces = _CUT.split(rest)
        values = pieces[2::3]
        del pieces[2::3]
        key = (method, *pieces)
        known = self._known.get(key) or self._of_strangers.get(key)
        if known is None or len(raw) > self._longest or not _TARGET.fullmatch(target):
            return self._read_afresh(raw, key)
        length, authorization = known.length, known.authorization_at
        first, second = known.request_id_at, known.correlation_id_at
        return RequestHead(
            method,
            target,
            int(values[known.length_at]) if length is None else length,
            known.form,
            values[authorization] if authorization >= 0 else None,
            values[first] if first >= 0 else None,
            values[second] if second >= 0 else None,
        )

    def remember(self, head: RequestHead) -> None:
        """Its sender is no stranger."""
        key = head.form.key
        if key is not None and key not in self._known and key in self._of_strangers:
            self._known.keep(key, self._of_strangers[key])

    def _read_afresh(self, raw: bytes, key: _Key) -> RequestHead:
        head = read_request(raw, self._bounds)
        if len(raw) <= self._longest:
            self._of_strangers.keep(key, _Known(list(key[2::2]), head.length, head.form))
            head.form.key = key
        return head


class AnswerForms:
    """Reads heads of answers, and remembers each."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._longest = min(_LONGEST, bounds.field)
        self._known: Memory[_Key, tuple[_Known, AnswerHead]] = Memory(_MOST)

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
        known = _Known(list(key[1::2]), head.length, head.form, bodiless=head.is_bodiless)
        self._known.keep(key, (known, head))
