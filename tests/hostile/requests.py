"""Every hostile request there is, by the rows of hardening.md."""

from tests.hostile import attribution, chunks, documents, framing, heads, paths, tokens

_TABLES = (framing, chunks, heads, attribution, tokens, paths, documents)
CASES = [case for table in _TABLES for case in table.CASES]
