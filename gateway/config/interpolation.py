"""`${VAR}`, `${VAR:-default}` and `${file:/path}` inside the values of the configuration.

Contract.md, Configuration; operations.md, Secrets. `$${` stands for a literal `${`. What is put in is never looked at
again, so that a secret that holds `${` stays as it is.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 65536

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-.*)?", re.DOTALL)
_FILE: Final = "file:"


class UnresolvedReferenceError(ValueError):
    """One reference can't be resolved; the text names the variable or the file, never a value."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


def interpolate(text: str, environ: Mapping[str, str]) -> tuple[str, tuple[UnresolvedReferenceError, ...]]:
    """Put the values of variables and files into a text.

    Returns:
        the text, and what could not be resolved; where that isn't empty the text is of no use.
    """
    failures: list[UnresolvedReferenceError] = []

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        try:
            return _resolve(match, environ)
        except UnresolvedReferenceError as failure:
            failures.append(failure)
            return ""

    return _REFERENCE.sub(replace, text), tuple(failures)


def escape(text: str) -> str:
    """Write a text so that interpolation gives it back unchanged."""
    return text.replace("${", "$${")


def _resolve(match: re.Match[str], environ: Mapping[str, str]) -> str:
    expression, closing = match[1], match[2]
    if not closing:
        raise UnresolvedReferenceError("'${' has no closing '}'", "write '$${' for a literal '${'")
    if "${" in expression:
        raise UnresolvedReferenceError("a reference inside a reference is not supported")
    if expression.startswith(_FILE):
        return _read(Path(expression.removeprefix(_FILE)))
    variable = _VARIABLE.fullmatch(expression)
    if variable is None:
        raise UnresolvedReferenceError(
            "'${...}' holds neither a variable name nor file:/path", "write '$${' for a literal '${'"
        )
    return _look_up(variable[1], variable[2], environ)


def _look_up(name: str, fallback: str | None, environ: Mapping[str, str]) -> str:
    if fallback is not None:
        return environ.get(name) or fallback.removeprefix(":-")
    if name in environ:
        return environ[name]
    close = get_close_matches(name, environ, n=1, cutoff=0.8)
    suggestion = f"did you mean '{close[0]}'?" if close else f"set it, or write ${{{name}:-default}}"
    raise UnresolvedReferenceError(f"the environment variable {name} is not set", suggestion)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise UnresolvedReferenceError(f"the file {str(path)!r} can't be read: {reason}") from None
    if len(content) > MAX_FILE_BYTES:
        raise UnresolvedReferenceError(f"the file {str(path)!r} is larger than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UnresolvedReferenceError(f"the file {str(path)!r} is not UTF-8 text") from None
