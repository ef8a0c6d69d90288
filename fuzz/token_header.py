"""The Authorization header (gateway.ocpi.authorization), as aiohttp hands it over: UTF-8, other bytes as surrogates."""

from gateway.ocpi.authorization import candidates, header_value
from gateway.ocpi.tokens import is_well_formed
from gateway.ocpi.vocabulary import TokenForm


def check(data: bytes) -> None:
    """One or two well-formed readings or none, the literal first; each can be written, and is then read back."""
    header = data.decode("utf-8", "surrogateescape")
    readings = list(candidates(header))
    assert [form for form, _ in readings] in ([], *([form] for form in TokenForm), [TokenForm.PLAIN, TokenForm.BASE64])
    for form, credentials_token in readings:
        assert is_well_formed(credentials_token)
        assert form is TokenForm.BASE64 or header.endswith(credentials_token, 0, len(header.rstrip(" \t")))
        for written in (TokenForm.PLAIN, TokenForm.BASE64):
            value = header_value(credentials_token, written)
            assert value.isascii()
            assert value.isprintable()
            assert (written, credentials_token) in candidates(value)
    private = list(candidates(header, bearer=True))
    assert private == readings or (not readings and header[:6].lower() == "bearer")
    if header[:5].lower() == "token":
        assert list(candidates(header[:5].swapcase() + header[5:])) == readings
