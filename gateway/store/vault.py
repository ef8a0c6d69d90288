"""Secrets at rest: digests of what partners present, encryption of what we must present, fingerprints to show.

Outbound tokens are encrypted by AES-256-GCM under the operator's key, with the row's identity as associated data, so
that a ciphertext moved to another row doesn't decrypt. Inbound tokens are kept as HMAC-SHA256 under a key of the
store's own, which is itself kept encrypted: changing the operator's key then changes no digest (handshake.md, Tokens).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
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


def key_id_of(key: bytes) -> str:
    """What a key is called where it was used; tells nothing of it."""
    return hashlib.sha256(key).hexdigest()[:16]


class Keyring:
    """The operator's encryption keys.

    Args:
        keys: the first is the one that is to be used from the next `key rotate` on.
        reload: gives the keys anew, where they may have changed meanwhile (a key file).

    Attributes:
        preferred: the id of the first key.
    """

    def __init__(self, keys: Sequence[bytes], *, reload: Callable[[], Sequence[bytes]] | None = None) -> None:
        self._reload = reload
        self._take(keys)

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._ciphers)})"

    def holds(self, key_id: str) -> bool:
        """Whether a key is among these."""
        if key_id not in self._ciphers and self._reload is not None:
            with suppress(OperatorError):  # the file is gone or unreadable: what is known stays
                self._take(self._reload())
        return key_id in self._ciphers

    def seal(self, plaintext: bytes, *, binding: str, key_id: str = "") -> Sealed:
        """Encrypt.

        Args:
            binding: names the row, and must be given again to decrypt.
            key_id: with which key; the preferred one unless given.

        Raises:
            WrongKeyError: the key isn't configured.
        """
        key_id = key_id or self.preferred
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return Sealed(key_id, nonce + self._cipher(key_id).encrypt(nonce, plaintext, binding.encode()))

    def _take(self, keys: Sequence[bytes]) -> None:
        self._ciphers: Mapping[str, AESGCM] = {key_id_of(key): AESGCM(key) for key in keys}
        self.preferred = next(iter(self._ciphers))

    def _cipher(self, key_id: str) -> AESGCM:
        if not self.holds(key_id):
            raise WrongKeyError(
                f"the database was written with the encryption key {key_id}, which is not configured",
                remedy="Configure the key that belongs to this database (encryption_key)",
            )
        return self._ciphers[key_id]

    def unseal(self, sealed: Sealed, *, binding: str) -> bytes:
        """Decrypt.

        Raises:
            WrongKeyError: the key isn't configured, or the ciphertext isn't of this row.
        """
        cipher = self._cipher(sealed.key_id)
        try:
            return cipher.decrypt(sealed.blob[:_NONCE_BYTES], sealed.blob[_NONCE_BYTES:], binding.encode())
        except (InvalidTag, ValueError):  # ValueError: it is too short to be one
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
        audit_key: key of the chain through the audit trail.
    """

    def __init__(self, keyring: Keyring, *, digest_key: bytes, link_key: bytes, audit_key: bytes) -> None:
        self.keyring = keyring
        self._audit_key = audit_key
        self._digest_key = digest_key
        self._mac = hmac.new(digest_key, digestmod="sha256")
        self._links = AESGCM(link_key)
        self._link_key = link_key

    def __repr__(self) -> str:
        return f"Vault({self.keyring!r})"

    def new_token(self) -> str:
        """A new credentials token of ours."""
        return make_token(secrets.token_bytes(KEY_BYTES))

    def digest(self, credentials_token: str) -> bytes:
        """What an inbound token is stored as and looked up by."""
        mac = self._mac.copy()  # a third of the cost of a new one
        mac.update(credentials_token.encode())
        return mac.digest()

    def fingerprint(self, credentials_token: str) -> str:
        """Eight hex characters by which operators tell tokens apart; of the keyed digest, so it can't be guessed at."""
        return self.digest(credentials_token).hex()[:_FINGERPRINT_LENGTH]

    def chain(self, *parts: bytes) -> bytes:
        """What ties a row of the audit trail to those before it; only who has the key can make it."""
        return hmac.digest(self._audit_key, b"".join(len(part).to_bytes(4) + part for part in parts), "sha256")

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
