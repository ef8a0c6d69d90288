"""From a file to a `Config`, or to every problem in it at once.

The order: YAML, references, validation key by key, then the checks that look at several keys wherever those keys are
sound (contract.md, Configuration).
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gateway.config.checks import findings, warnings_of
from gateway.config.diagnosis import diagnose
from gateway.config.document import Document, UnreadableYamlError, read_document
from gateway.config.model import Config
from gateway.config.problems import ConfigError, Finding, Locator, Problem

STANDARD_INPUT: Final = Path("-")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A usable configuration.

    Attributes:
        warnings: what works, but probably not as meant; to be shown at start.
        locator: finds the line of a key, for problems that show later.
    """

    config: Config
    warnings: tuple[Problem, ...]
    locator: Locator


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read and validate a configuration file; `-` is standard input.

    Relative paths in it, of the database too, are relative to the working directory.

    Raises:
        ConfigError: with every problem found.
    """
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = Problem(str(path), None, None, "", f"can't be read: {reason}", "name a configuration file with -c")
    else:
        return load_text(text, source="<stdin>" if path == STANDARD_INPUT else str(path), environ=environ)
    raise ConfigError([problem])


def load_text(text: str, *, source: str, environ: Mapping[str, str]) -> Loaded:
    """Validate a configuration that is at hand as text.

    Args:
        text: YAML.
        source: its name in problems.
        environ: where `${VAR}` is looked up.

    Raises:
        ConfigError: with every problem found.
    """
    try:
        document = read_document(text, source=source, environ=environ)
    except UnreadableYamlError as error:
        unreadable = error.problem
    else:
        config, problems = _validate(document)
        if config is None or problems:
            raise ConfigError(problems)
        locate = document.locator.problem
        return Loaded(config, tuple(map(locate, warnings_of(config))), document.locator)
    raise ConfigError([unreadable])


def _validate(document: Document) -> tuple[Config | None, list[Problem]]:
    values = {} if document.values is None else document.values
    try:
        return Config.model_validate(values), list(document.problems)
    except ValidationError as error:
        found = list(_all_findings(error, values, document))
    return None, [*document.problems, *map(document.locator.problem, found)]


def _all_findings(error: ValidationError, values: Any, document: Document) -> Iterator[Finding]:
    broken = {key_path[:1] for key_path in document.unusable}
    for finding in diagnose(error, values, document.locator):
        broken.add(finding.key_path[:1])
        if not any(finding.key_path[: len(unusable)] == unusable for unusable in document.unusable):
            yield finding
    if isinstance(values, dict):
        yield from findings(_sound_values(values, {str(name) for (name,) in filter(None, broken)}))


def _sound_values(values: Mapping[str, Any], broken: set[str]) -> dict[str, Any]:
    """The validated values of those top-level keys that have no problem of their own."""
    sound: dict[str, Any] = {}
    for name, field in Config.model_fields.items():
        if name in broken or field.default_factory_takes_validated_data:
            continue
        if values.get(name) is not None:
            sound[name] = TypeAdapter(field.rebuild_annotation()).validate_python(values[name])
        else:
            sound[name] = field.get_default(call_default_factory=True)
    return sound
