"""The encryption key: from the configuration, or from a key file that is made beside a new SQLite database."""

import os
import secrets
from pathlib import Path

from gateway.config import Config
from gateway.config.values import decode_encryption_key
from gateway.ocpi.errors import OperatorError
from gateway.store.vault import Keyring, make_key


def read_or_make_keyring(config: Config, *, database_is_new: bool) -> tuple[Keyring, str | None]:
    """The operator's keys, and where one was made just now.

    Raises:
        OperatorError: none is configured and none may be made, or the key file can't be used.
    """
    if config.encryption_key is not None:
        return Keyring([_decode(config.encryption_key.get_secret_value(), "encryption_key")]), None
    if config.sqlite_path is None:
        raise OperatorError(
            "no encryption_key is configured", remedy="Make one with `ocpi-gateway key generate`, and configure it"
        )
    path = config.sqlite_path.with_name(config.sqlite_path.name + ".key")
    made = database_is_new and _make(path)
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        raise OperatorError(
            f"the key file {path} is missing, but the database was written with it",
            remedy="Restore it from a back-up, or configure encryption_key; without the key no token can be read",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"the key file {path} can't be read ({type(error).__name__})",
            remedy="Make it readable for this user, or restore it from a back-up",
        ) from None
    return Keyring([_decode(text, str(path))]), str(path) if made else None


def _make(path: Path) -> bool:
    """Make the key file, whole or not at all, unless another process was faster."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 - the mode is set at creation
            file.write(make_key() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise OperatorError(
            f"the key file {path} can't be made ({error.strerror})",
            remedy="Make its folder writable for this user, or configure encryption_key",
        ) from None
    finally:
        draft.unlink(missing_ok=True)
    return True


def _decode(text: str, where: str) -> bytes:
    try:
        return decode_encryption_key(text.strip())
    except ValueError as error:
        raise OperatorError(f"{where} {error}", remedy="Make one with `ocpi-gateway key generate`") from None
