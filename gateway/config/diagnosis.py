"""pydantic's errors in the operator's words: which key, what is wrong, and what was probably meant.

Nothing here looks at the value of a key except to compare it with the words that the key may hold.
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gateway.config.checks import CROSS_FIELD
from gateway.config.problems import Finding, KeyPath, Locator
from gateway.config.schema import description_at, keys, names_at, words_at

#: Consequences of other errors, and what `checks` reports by itself with better positions.
_SECONDARY: Final = {"default_factory_not_called", CROSS_FIELD}

#: pydantic's error types in words; the others say "Input should be ...", which is worded alike.
_WORDS: Final = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of names to settings",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "model_type": "must be a mapping of keys",
    "path_type": "must be a file name",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
}
_WORDING: Final = (
    ("Input should", "must"),
    ("Tuple should", "must"),
    ("String should", "must"),
    ("greater than or equal to", "at least"),
    ("less than or equal to", "at most"),
    (" after validation, not 0", ""),
)
_MOST_NAMES: Final = 12
_NAME_RULES: Final = "is not a usable name: only letters, digits, '-', '_', and '.' in a partner's"


def diagnose(error: ValidationError, values: Any, locator: Locator) -> Iterator[Finding]:
    """Put each error into words.

    Args:
        error: what pydantic found.
        values: the document that it looked at.
        locator: tells which part of an error's path is a key path of the document.
    """
    found = error.errors(include_url=False, include_input=False)
    wrong = {details["loc"][:length] for details in found for length in range(len(details["loc"]))}
    for details in found:
        is_list_of_wrong_entries = details["type"] == "too_short" and details["loc"] in wrong
        if details["type"] not in _SECONDARY and not is_list_of_wrong_entries:
            yield _finding(details, values, locator)


def _finding(details: ErrorDetails, values: Any, locator: Locator) -> Finding:
    key_path: KeyPath = details["loc"]
    match details["type"]:
        case "extra_forbidden":
            return Finding(key_path, "unknown key", _key_meant(key_path))
        case "missing":
            return Finding(key_path, "missing", f"add it: {_description(key_path)}")
        case _ if key_path[-1:] == ("[key]",):
            return Finding(key_path[:-1], _NAME_RULES if details["type"] != "value_error" else _reason(details))
    key_path = locator.known_part(key_path)
    value = _value_at(values, key_path)
    if value is None:
        return Finding(key_path, "has no value", f"it {_words(details, key_path)}")
    return Finding(key_path, _words(details, key_path), _word_meant(value, key_path))


def _words(details: ErrorDetails, key_path: KeyPath) -> str:
    if details["type"] == "value_error":
        return _reason(details)
    if details["type"] == "string_pattern_mismatch":
        return f"must be: {_description(key_path)}"
    if details["type"] != "too_short" and (words := words_at(key_path)):
        return f"must be {'one of: ' if len(words) > 1 else ''}{', '.join(words)}"
    text = _WORDS.get(details["type"], details["msg"])
    for theirs, ours in _WORDING:
        text = text.replace(theirs, ours)
    return text


def _reason(details: ErrorDetails) -> str:
    """The text of a ValueError of one of our own validators."""
    return str(details["ctx"]["error"])


def _description(key_path: KeyPath) -> str:
    while key_path and isinstance(key_path[-1], int):
        key_path = key_path[:-1]
    return description_at(key_path)


def _value_at(values: Any, key_path: KeyPath) -> Any:
    for part in key_path:
        values = values[part]
    return values


def _word_meant(value: Any, key_path: KeyPath) -> str:
    words = {word.lower(): word for word in words_at(key_path) if word[:1].isalpha()}
    close = get_close_matches(value.lower(), words, n=1) if isinstance(value, str) else []
    return f"did you mean '{words[close[0]]}'?" if close else ""


def _key_meant(key_path: KeyPath) -> str:
    name = str(key_path[-1])
    known = names_at(key_path[:-1])
    elsewhere = [key.path for key in keys() if key.path.rpartition(".")[2] == name]
    if meant := elsewhere[0] if len(elsewhere) == 1 else _closest(name, known):
        return f"did you mean '{meant}'?"
    return f"known here: {', '.join(known)}" if 0 < len(known) <= _MOST_NAMES else ""


def _closest(name: str, known: Iterable[str]) -> str | None:
    plain = {_plain(other): other for other in known}
    close = get_close_matches(_plain(name), plain, n=1)
    return plain[close[0]] if close else None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")
