"""H3: spellings of a token. Each reading is looked up, and nothing but the whole token is found."""

import base64

from tests.hostile.cases import Case, by_the_book, exactly, passes, request


def _swapped(token):
    return by_the_book(token.swapcase())


def _loose_bits(token):
    """Base64 whose last character carries bits that decode to nothing."""
    padded = token + "=" * (-len(token) % 3)
    encoded = base64.b64encode(padded[: len(token)].encode()).decode()
    body = encoded.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return b"Token " + (body[:-1] + alphabet[alphabet.index(body[-1]) ^ 1] + "=" * (len(encoded) - len(body))).encode()


_BAD_SPELLINGS = {
    "nothing": lambda _: b"",
    "only the scheme": lambda _: b"Token",
    "scheme and blanks": lambda _: b"Token   ",
    "no scheme": lambda token: base64.b64encode(token.encode()),
    "scheme without blank": lambda token: b"Token" + base64.b64encode(token.encode()),
    "tab for the blank": lambda token: by_the_book(token).replace(b" ", b"\t"),
    "Bearer": lambda token: b"Bearer " + token.encode(),
    "Basic": lambda token: b"Basic " + base64.b64encode(token.encode()),
    "Token twice": lambda token: b"Token " + by_the_book(token),
    "equals sign": lambda token: b"Token token=" + token.encode(),
    "in quotes": lambda token: b'Token "' + token.encode() + b'"',
    "comma behind": lambda token: by_the_book(token) + b",",
    "word behind": lambda token: by_the_book(token) + b" x",
    "blank inside": lambda token: b"Token " + token[:9].encode() + b" " + token[9:].encode(),
    "blank inside Base64": lambda token: by_the_book(token)[:14] + b" " + by_the_book(token)[14:],
    "character less": lambda token: by_the_book(token[:-1]),
    "character more": lambda token: by_the_book(token + "x"),
    "odd case": _swapped,
    "blank encoded before": lambda token: by_the_book(" " + token),
    "blank encoded behind": lambda token: by_the_book(token + " "),
    "NUL encoded behind": lambda token: by_the_book(token + "\0"),
    "two LF encoded behind": lambda token: by_the_book(token + "\n\n"),
    "colon encoded behind": lambda token: by_the_book(token + ":"),
    "Base64 twice": lambda token: by_the_book(base64.b64encode(token.encode()).decode()),
    "UTF-16": lambda token: b"Token " + base64.b64encode(token.encode("utf-16-le")),
    "hexadecimal": lambda token: b"Token " + token.encode().hex().encode(),
    "percent escapes": lambda token: b"Token " + "".join(f"%{ord(each):02x}" for each in token).encode(),
    "65 characters": lambda _: b"Token " + b"x" * 65,
    "65 characters in Base64": lambda _: by_the_book("x" * 65),
    "201 characters": lambda _: b"Token " + b"x" * 201,
    "8000 characters": lambda _: b"Token " + b"x" * 8000,
    "wildcard": lambda _: b"Token *",
    "beyond ASCII": lambda _: b"Token \xff\xfe",
    "full-width": lambda token: b"Token " + "".join(chr(ord(each) + 0xFEE0) for each in token).encode(),
    "apostrophe": lambda _: b"Token ' OR '1'='1",
}
_GOOD_SPELLINGS = {
    "plain": lambda token: b"Token " + token.encode(),
    "odd scheme": lambda token: b"tOKEN " + token.encode(),
    "two blanks": lambda token: b"Token  " + token.encode(),
    "no padding": lambda token: by_the_book(token).rstrip(b"="),
    "URL-safe": lambda token: b"Token " + base64.urlsafe_b64encode(token.encode()),
    "LF encoded behind": lambda token: by_the_book(token + "\n"),
}
H3 = [
    Case("H3", f"token {name}", request(), exactly(401), spelling=spelling) for name, spelling in _BAD_SPELLINGS.items()
] + [Case("H3", f"token {name}", request(), passes(), spelling=spelling) for name, spelling in _GOOD_SPELLINGS.items()]

CASES = H3
