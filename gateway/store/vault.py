"""Secrets at rest: digests of what partners present, encryption of what we must present, fingerprints to show.

Outbound tokens are encrypted by AES-256-GCM under the operator's key, with the row's identity as associated data, so
that a ciphertext moved to another row doesn't decrypt. Inbound tokens are kept as HMAC-SHA256 under a key of the
store's own, which is itself kept encrypted: changing the operator's key then changes no digest (handshake.md, Tokens).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.ocpi.errors import OperatorError
from gateway.ocpi.tokens import make_token

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FINGERPRINT_LENGTH: Final = 8


class WrongKeyError(OperatorError):
    """The configured encryption key doesn't open what is in the database."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext with the id of the key that opens it."""

    key_id: str
    blob: bytes = field(repr=False)


def make_key() -> str:
    """A new encryption key as the configuration wants it: Base64 of 32 random bytes."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


class Keyring:
    """The operator's encryption keys, the first of which encrypts."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers: Mapping[str, AESGCM] = {hashlib.sha256(key).hexdigest()[:16]: AESGCM(key) for key in keys}
        self._current = next(iter(self._ciphers))

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    def seal(self, plaintext: bytes, *, binding: str) -> Sealed:
        """Encrypt; `binding` names the row and must be given again to decrypt."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = self._ciphers[self._current].encrypt(nonce, plaintext, binding.encode())
        return Sealed(self._current, nonce + ciphertext)

    def unseal(self, sealed: Sealed, *, binding: str) -> bytes:
        """Decrypt.

        Raises:
            WrongKeyError: the key isn't configured, or the ciphertext isn't of this row.
        """
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            raise WrongKeyError(
                f"the database was written with the encryption key {sealed.key_id}, which is not configured",
                remedy="Configure the key that belongs to this database (encryption_key)",
            )
        try:
            return cipher.decrypt(sealed.blob[:_NONCE_BYTES], sealed.blob[_NONCE_BYTES:], binding.encode())
        except InvalidTag:
            raise WrongKeyError(
                f"a stored secret does not decrypt ({binding.split('/', maxsplit=1)[0]})",
                remedy="The database was changed by hand or restored in part: restore it whole",
            ) from None


class Vault:
    """All that turns tokens into what may be stored or shown, and back.

    Args:
        keyring: the operator's keys.
        digest_key: key of the HMAC over inbound tokens.
        link_key: key that seals links which lead back through the gateway.
    """

    def __init__(self, keyring: Keyring, *, digest_key: bytes, link_key: bytes) -> None:
        self.keyring = keyring
        self._digest_key = digest_key
        self._links = AESGCM(link_key)
        self._link_key = link_key

    def __repr__(self) -> str:
        return f"Vault({self.keyring!r})"

    def new_token(self) -> str:
        """A new credentials token of ours."""
        return make_token(secrets.token_bytes(KEY_BYTES))

    def digest(self, credentials_token: str) -> bytes:
        """What an inbound token is stored as and looked up by."""
        return hmac.digest(self._digest_key, credentials_token.encode(), "sha256")

    def fingerprint(self, credentials_token: str) -> str:
        """Eight hex characters by which operators tell tokens apart; of the keyed digest, so it can't be guessed at."""
        return self.digest(credentials_token).hex()[:_FINGERPRINT_LENGTH]

    def seal_link(self, target: str, *, binding: str) -> str:
        """Encrypt a path or URL for use as a path segment; the same target always gives the same text.

        The nonce is derived from target and binding, so pages keep their URLs across restarts and processes.
        """
        plaintext = target.encode()
        derived = hmac.digest(self._link_key, binding.encode() + b"\x00" + plaintext, "sha256")
        nonce = derived[:_NONCE_BYTES]
        blob = nonce + self._links.encrypt(nonce, plaintext, binding.encode())
        return base64.urlsafe_b64encode(blob).decode().rstrip("=")

    def open_link(self, text: str, *, binding: str) -> str | None:
        """Decrypt what `seal_link` made for the same binding; None for anything else."""
        try:
            blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return self._links.decrypt(blob[:_NONCE_BYTES], blob[_NONCE_BYTES:], binding.encode()).decode()
        except (ValueError, InvalidTag):
            return None
