"""What is wrong with a configuration, and the error that carries all of it at once.

Contract.md, Configuration: each problem names its line and key path and suggests a way out. No text here ever quotes a
value, because values may be secrets or come from the environment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.ocpi.errors import OperatorError

#: Keys and list positions from the top of the document: `("parties", 0, "role")`.
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the text of the configuration; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or worth a warning.

    Attributes:
        source: the name of the file as the operator gave it.
        line: from 1; None where the whole source is meant, such as a file that can't be read.
        column: from 1.
        key_path: such as `backend.modules.locations.rol`; empty for the whole document.
        message: what is wrong, without the value.
        suggestion: what to do about it; may be empty.
    """

    source: str
    line: int | None
    column: int | None
    key_path: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        """One line: `config.yaml:12: backend.modules.locations.rol: unknown key, did you mean 'role'?`."""
        place = self.source if self.line is None else f"{self.source}:{self.line}"
        text = f"{self.message}, {self.suggestion}" if self.suggestion else self.message
        return ": ".join(part for part in (place, self.key_path, text) if part)


class ConfigError(OperatorError):
    """The configuration can't be used; `str()` gives one line for each problem, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that knows its key but not yet its line."""

    key_path: KeyPath
    message: str
    suggestion: str = ""


@dataclass(frozen=True, slots=True)
class Locator:
    """Finds the line of a key path, and so turns findings into problems.

    Attributes:
        source: the name of the file as the operator gave it.
        positions: where each key and list entry stands in the text.
    """

    source: str
    positions: Mapping[KeyPath, Position]

    def known_part(self, key_path: KeyPath) -> KeyPath:
        """The longest beginning of a key path that stands in the text."""
        while key_path and key_path not in self.positions:
            key_path = key_path[:-1]
        return key_path

    def problem(self, finding: Finding) -> Problem:
        """Give a finding the position of its key, or of the nearest one around it where the key is absent."""
        position = self.positions.get(self.known_part(finding.key_path), Position(1, 1))
        return Problem(
            self.source,
            position.line,
            position.column,
            write_key_path(finding.key_path),
            finding.message,
            finding.suggestion,
        )


def write_key_path(key_path: KeyPath) -> str:
    """Write `("parties", 0, "role")` as `parties[0].role`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key_path)
    return text.removeprefix(".")
