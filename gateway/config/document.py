"""The YAML text as plain values, with the line of every key.

Every scalar stays text: the field it belongs to decides its type, not YAML. So `country_code: NO` is Norway rather
than false, version `2.2` isn't a number, and `${PORT}` becomes one. A key without a value is None.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from gateway.config.interpolation import interpolate
from gateway.config.problems import KeyPath, Locator, Position, Problem, write_key_path

#: An anchor repeated in anchors makes a small text expand without end; no real configuration comes near these.
MAX_VALUES: Final = 20_000
MAX_DEPTH: Final = 32

_CORE: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset(
    _CORE + tag for tag in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_NULL: Final = _CORE + "null"

#: What the YAML parser says, and what usually causes it.
_HINTS: Final = {
    "mapping values are not allowed": "check the indentation, and quote a value that holds ': '",
    "cannot start any token": "indent with blanks, not tabs, and quote a value that begins with a special character",
    "but got '{'": "quote '${...}' where it stands inside { }",
    "undefined alias": "quote a value that begins with '*'",
    "undefined tag handle": "quote a value that begins with '!'",
    "another document": "keep everything in one document, without '---' in between",
}


class UnreadableYamlError(ValueError):
    """The text can't be read to its end; holds the one problem that the reading stopped at."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration as read, before it is validated.

    Attributes:
        values: nested dictionaries, lists, texts and None; references are resolved.
        locator: where each key and list entry stands.
        problems: duplicate keys, references that can't be resolved, and YAML that is not supported.
        unusable: the key paths whose value is of no use, so that nothing more need be said about them.
    """

    values: Any
    locator: Locator
    problems: tuple[Problem, ...]
    unusable: frozenset[KeyPath]


def read_document(text: str, *, source: str, environ: Mapping[str, str]) -> Document:
    """Read YAML.

    Raises:
        UnreadableYamlError: a syntax error; nothing after it can be read.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise UnreadableYamlError(_syntax_problem(error, text, source)) from None
    except RecursionError:
        raise UnreadableYamlError(Problem(source, None, None, "", "the YAML is nested too deeply")) from None
    reader = _Reader(source, environ)
    values = None if root is None else reader.read(root, ())
    return Document(values, Locator(source, reader.positions), tuple(reader.problems), frozenset(reader.unusable))


class _Reader:
    """Walks the nodes once, and notes values, positions and problems on the way."""

    def __init__(self, source: str, environ: Mapping[str, str]) -> None:
        self._source = source
        self._environ = environ
        self._budget = MAX_VALUES
        self.positions: dict[KeyPath, Position] = {}
        self.problems: list[Problem] = []
        self.unusable: set[KeyPath] = set()

    def read(self, node: yaml.Node, key_path: KeyPath) -> Any:
        self._budget -= 1
        if self._budget < 0 or len(key_path) > MAX_DEPTH:
            message = "too many or too deeply nested values"
            raise UnreadableYamlError(self._problem(node, key_path[:3], message, "look at the anchors and aliases"))
        self.positions.setdefault(key_path, _position(node.start_mark))
        if isinstance(node, yaml.MappingNode) and node.tag == _CORE + "map":
            return self._mapping(node, key_path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _CORE + "seq":
            return [self.read(item, (*key_path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALAR_TAGS:
            return self._scalar(node, key_path)
        self._refuse(node, key_path, "YAML tags are not supported", "quote a value that begins with '!'")
        return None

    def _mapping(self, node: yaml.MappingNode, key_path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, key_path, "a key must be a plain name", "quote it")
                continue
            child = (*key_path, key_node.value)
            if key_node.value in values:
                message = f"duplicate key, first given on line {self.positions[child].line}"
                self.problems.append(self._problem(key_node, child, message, "remove one"))
                continue
            self.positions[child] = _position(key_node.start_mark)
            values[key_node.value] = self.read(value_node, child)
        return values

    def _scalar(self, node: yaml.ScalarNode, key_path: KeyPath) -> str | None:
        if node.tag == _NULL:
            return None
        text, failures = interpolate(node.value, self._environ)
        for failure in failures:
            self._refuse(node, key_path, failure.message, failure.suggestion)
        return None if not text and node.style is None else text

    def _refuse(self, node: yaml.Node, key_path: KeyPath, message: str, suggestion: str) -> None:
        self.problems.append(self._problem(node, key_path, message, suggestion))
        self.unusable.add(key_path)

    def _problem(self, node: yaml.Node, key_path: KeyPath, message: str, suggestion: str) -> Problem:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        return Problem(self._source, line, column, write_key_path(key_path), message, suggestion)


def _position(mark: yaml.Mark) -> Position:
    return Position(mark.line + 1, mark.column + 1)


def _syntax_problem(error: yaml.YAMLError, text: str, source: str) -> Problem:
    if not isinstance(error, yaml.MarkedYAMLError):  # a ReaderError, the only one that knows no line
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        return Problem(source, line, None, "", "YAML syntax: a control character", "remove it")
    mark = error.problem_mark
    reason = ", ".join(filter(None, (error.context, error.problem)))
    hint = next((hint for words, hint in _HINTS.items() if words in reason), "")
    message = f"YAML syntax: {_without_names(reason)}"
    return Problem(source, mark.line + 1 if mark else None, mark.column + 1 if mark else None, "", message, hint)


def _without_names(reason: str) -> str:
    """The parser quotes names of aliases, anchors and tags, and those may be the beginning of an unquoted secret."""
    return re.sub(r"'[!\w-]{2,}'", "'...'", reason)
