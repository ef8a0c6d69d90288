"""The encryption key: from the configuration, or from a key file that is made beside a new SQLite database."""

import base64
import os
import secrets
from collections.abc import Sequence
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
        configured = (config.encryption_key, *config.former_encryption_keys)
        return Keyring([_decode(each.get_secret_value(), "encryption_key") for each in configured]), None
    path = key_file(config)
    if path is None:
        raise OperatorError(
            "no encryption_key is configured", remedy="Make one with `ocpi-gateway key generate`, and configure it"
        )
    made = database_is_new and _make(path)
    return Keyring(read_keys(path), reload=lambda: read_keys(path)), str(path) if made else None


def key_file(config: Config) -> Path | None:
    """Where the key lies that is in no configuration: beside an SQLite database."""
    if config.encryption_key is not None or config.sqlite_path is None:
        return None
    return config.sqlite_path.with_name(config.sqlite_path.name + ".key")


def read_keys(path: Path) -> list[bytes]:
    """The keys of a key file, one a line; the first is to be used, others were used before.

    Raises:
        OperatorError: the file can't be used.
    """
    try:
        lines = path.read_text(encoding="ascii").split()
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
    return [_decode(line, str(path)) for line in lines or [""]]


def replace_keys(path: Path, keys: Sequence[bytes]) -> None:
    """Write a key file anew, whole or not at all.

    Raises:
        OperatorError: it can't be written; the old one is there.
    """
    try:
        draft = _write_draft(path, [base64.b64encode(key).decode() for key in keys])
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OperatorError(
            f"the key file {path} can't be written ({error.strerror})", remedy="Make it and its folder writable"
        ) from None


def _make(path: Path) -> bool:
    """Make the key file, whole or not at all, unless another process was faster."""
    draft: Path | None = None
    try:
        draft = _write_draft(path, [make_key()])
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise OperatorError(
            f"the key file {path} can't be made ({error.strerror})",
            remedy="Make its folder writable for this user, or configure encryption_key",
        ) from None
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)
    return True


def _write_draft(path: Path, lines: Sequence[str]) -> Path:
    """Write a file beside the one it is to become; it is on the disk when this returns."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 - the mode is set at creation
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _decode(text: str, where: str) -> bytes:
    try:
        return decode_encryption_key(text.strip())
    except ValueError as error:
        raise OperatorError(f"{where} {error}", remedy="Make one with `ocpi-gateway key generate`") from None
