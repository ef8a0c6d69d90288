"""Raw requests by grammar: what clients send, with a turn here and there that two readers could take differently.

Each message is a function of its seed and number alone. Most parts of most messages are good: what the gateway refuses
compares nothing.
"""

import random

from tests.readers import parts


def message(seed, number):
    """The bytes of one connection: a request or more, at times with a few bytes changed, or cut off."""
    chance = random.Random(f"{seed} {number}")
    writer = _Writer(chance, oddness=chance.choice([0, 0, 0.02, 0.06]), framing_oddness=chance.choice([0, 0.1, 0.3]))
    raw = b"".join(writer.request() for _ in range(chance.choice([1, 1, 1, 2, 3])))
    if chance.random() < 0.15:
        raw = _changed(raw, chance)
    if chance.random() < 0.04:
        raw = raw[: chance.randrange(len(raw) + 1)]
    return raw + (parts.LAST if chance.random() < 0.7 else b"")


def _changed(raw, chance):
    """One place changed as no grammar would."""
    place = chance.randrange(len(raw) + 1)
    behind = place + chance.choice([1, 1, 2, 8])
    piece = chance.choice([*parts.BYTES, chance.randbytes(1)])
    return chance.choice(
        [
            raw[:place] + raw[behind:],
            raw[:place] + piece + raw[place:],
            raw[:place] + piece + raw[place + 1 :],
            raw[:behind] + raw[place:],
        ]
    )


class _Writer:
    """Writes one request after the other.

    Args:
        oddness: how likely each part is an odd one.
        framing_oddness: the same for the parts that say where the body ends.
    """

    def __init__(self, chance, *, oddness, framing_oddness):
        self._chance = chance
        self._oddness = oddness
        self._framing_oddness = framing_oddness

    def request(self):
        """A request with its body."""
        method = self._one(parts.METHODS, parts.ODD_METHODS)
        target = self._one(parts.TARGETS, parts.ODD_TARGETS)
        version = self._one(parts.VERSIONS, parts.ODD_VERSIONS)
        framing, body = self._framed(method)
        lines = [self._header(b"Host", self._one(parts.HOSTS, parts.ODD_HOSTS)) for _ in range(self._one([1], [0, 2]))]
        lines += [self._one(parts.HEADERS, parts.ODD_HEADERS) for _ in range(self._chance.randrange(4))]
        if self._happens(0.2):
            lines.append(self._header(b"Connection", self._chance.choice(parts.CONNECTIONS)))
        for each in framing:
            lines.insert(self._chance.randrange(len(lines) + 1), each)
        line = method + self._separator() + target + self._separator() + version
        head = b"".join(each + self._line_end() for each in (line, *lines, b""))
        return self._one([b""], parts.ODD_BEGINNINGS) + head + body

    def _one(self, good, odd):
        """One of the good, or seldom one of the odd."""
        return self._chance.choice(odd if self._happens(self._oddness) else good)

    def _framing(self, good, odd):
        return self._chance.choice(odd if self._happens(self._framing_oddness) else good)

    def _happens(self, share):
        return self._chance.random() < share

    def _separator(self):
        return self._one([b" "], parts.ODD_SEPARATORS)

    def _line_end(self):
        return b"\r\n" if self._happens(0.7) else self._one([b"\r\n"], parts.ODD_LINE_ENDS)

    def _header(self, name, value):
        return name + b":" + self._one(parts.BLANKS, parts.ODD_BLANKS) + value + (b" " if self._happens(0.03) else b"")

    def _framed(self, method):
        """The lines that frame a body, and the body as they say, or nearly so."""
        if not self._happens(0.9 if method in {b"POST", b"PUT", b"PATCH"} else 0.15):
            return [], b""
        body = self._chance.choice(parts.BODIES)
        written = self._chunks(body) if self._happens(0.5) else body
        framing = [self._length(len(body)) if written is body else self._encoding()]
        if self._happens(self._framing_oddness / 2):
            framing.append(self._encoding() if self._happens(0.5) else self._length(len(written)))
        return framing, written

    def _length(self, length):
        length = max(0, length + self._framing([0], [-1, 1, 2, -5]))
        value = self._framing([b"%d"], parts.ODD_LENGTHS).replace(b"%d", b"%d" % length)
        return self._framing_header(self._chance.choice(parts.LENGTH), value)

    def _encoding(self):
        return self._framing_header(
            self._chance.choice(parts.ENCODING), self._framing([b"chunked"], parts.ODD_ENCODINGS)
        )

    def _framing_header(self, name, value):
        return self._header(self._framing([b"%b"], parts.ODD_NAMES).replace(b"%b", name), value)

    def _chunks(self, body):
        written = b""
        while body:
            size = self._chance.randint(1, len(body))
            written += self._chunk_line(max(0, size + self._framing([0], [-1, 1, 2]))) + body[:size] + self._line_end()
            body = body[size:]
        trailers = b"" if self._happens(0.8) else self._framing(parts.TRAILERS, parts.ODD_TRAILERS)
        return written + self._chunk_line(0) + trailers + self._line_end()

    def _chunk_line(self, size):
        pattern = self._framing(parts.SIZES, parts.ODD_SIZES)
        extension = b"" if self._happens(0.8) else self._framing(parts.EXTENSIONS, parts.ODD_EXTENSIONS)
        return (pattern % size if pattern else b"") + extension + self._line_end()
