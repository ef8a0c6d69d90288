"""The JSON Schema of the configuration, and the table of keys that is read from it.

The schema serves `ocpi-gateway schema` and editors; the table serves "did you mean", the reference page and the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from gateway.config.model import Config
from gateway.config.problems import KeyPath

Schema = dict[str, Any]

_UNITS: Final = {"_per_second": "per second", "_seconds": "seconds", "_bytes": "bytes"}
_TYPES: Final = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "cidr": "network",
    "lifetime": "duration",
    "password": "secret text",
    "path": "file",
}

#: What a value may be before variables and files are put in.
_REFERENCE: Final[Schema] = {"type": "string", "pattern": r"\$\{.+\}"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the configuration.

    Attributes:
        path: such as `backend.modules.<name>.role` or `parties[].role`.
        type: its type in words.
        unit: `seconds`, `bytes`, `per second` or nothing.
        default: as it would stand in the file; None where the key is required or simply absent by default.
        is_section: it holds further keys, which follow it in the table.
    """

    path: str
    type: str
    unit: str
    default: Any
    required: bool
    description: str
    is_section: bool


def config_schema() -> Schema:
    """The JSON Schema (2020-12) of the configuration file; the same on every machine."""
    schema = _with_references(_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "OCPI Gateway configuration"}


def keys() -> tuple[Key, ...]:
    """Every key of the configuration in the order of the model, each section before its keys."""
    return tuple(_keys(_schema(), ""))


def names_at(key_path: KeyPath) -> tuple[str, ...]:
    """The keys that may stand in the mapping at a key path; none where it holds names of the operator's choice."""
    schema = _at(key_path)
    return tuple(schema.get("properties", ())) if schema else ()


def words_at(key_path: KeyPath) -> tuple[str, ...]:
    """The words that a key may hold where they are enumerated."""
    schema = _at(key_path)
    choices = (_resolve(choice) for choice in schema.get("anyOf", [schema])) if schema else ()
    return tuple(str(word) for choice in choices for word in choice.get("enum", ()))


def description_at(key_path: KeyPath) -> str:
    """The first sentence of a key's description."""
    if not key_path:
        return ""
    section, schema = _at(key_path[:-1]), _at(key_path)
    own = section.get("properties", {}).get(key_path[-1], {}) if section else {}
    description = str(own.get("description") or (schema or {}).get("description", ""))
    return description.partition(". ")[0].removesuffix(".")


@cache
def _schema() -> Schema:
    return Config.model_json_schema(by_alias=True, mode="validation")


def _resolve(schema: Schema) -> Schema:
    """Follow a reference, and drop "or null": a key without value is an absent key."""
    if "$ref" in schema:
        return _resolve(_schema()["$defs"][schema["$ref"].rpartition("/")[2]])
    choices = [choice for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    return _resolve(choices[0]) if len(choices) == 1 else schema


def _at(key_path: KeyPath) -> Schema | None:
    schema = _schema()
    for part in key_path:
        below = _item(schema) if isinstance(part, int) else schema.get("properties", {}).get(part, _named(schema))
        if not isinstance(below, dict):
            return None
        schema = _resolve(below)
    return schema


def _item(schema: Schema) -> Any:
    """What the entries of a list are, also where a single one may stand without brackets."""
    return next((choice["items"] for choice in schema.get("anyOf", [schema]) if "items" in choice), None)


def _named(schema: Schema) -> Any:
    """What each name of the operator's choice leads to, in a mapping of such names."""
    return next(iter(schema.get("patternProperties", {}).values()), None)


def _keys(section: Schema, prefix: str) -> Iterator[Key]:
    for name, schema in section.get("properties", {}).items():
        resolved = _resolve(schema)
        path, inner = f"{prefix}{name}", _section_below(resolved)
        yield Key(
            path=path,
            type=_type(resolved),
            unit=next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), ""),
            default=schema.get("default"),
            required=name in section.get("required", ()),
            description=schema.get("description") or resolved.get("description", ""),
            is_section=inner is not None,
        )
        if inner is not None:
            suffix, below = inner
            yield from _keys(below, f"{path}{suffix}.")


def _section_below(schema: Schema) -> tuple[str, Schema] | None:
    for suffix, below in (
        ("", schema),
        (".<name>", _named(schema)),
        ("[]", schema.get("items")),
    ):
        resolved = _resolve(below) if isinstance(below, dict) else {}
        if "properties" in resolved:
            return suffix, resolved
    return None


def _type(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(_resolve(choice)) for choice in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{word}`" for word in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(_resolve(schema['items']))}"
    if schema.get("type") == "object":
        return "mapping"
    return _TYPES[str(schema.get("format") or schema.get("type"))] + _range(schema)


def _range(schema: Schema) -> str:
    words = {"exclusiveMinimum": "above", "minimum": "at least", "maximum": "at most"}
    return "".join(f", {word} {schema[bound]:.0f}" for bound, word in words.items() if bound in schema)


def _with_references(schema: Schema) -> Schema:
    """Let `${VAR}` stand for whatever isn't free text anyway, so that editors don't mark it as wrong."""
    result = dict(schema)
    for word in ("properties", "patternProperties", "$defs"):
        if word in schema:
            result[word] = {name: _with_references(below) for name, below in schema[word].items()}
    if "items" in schema:
        result["items"] = _with_references(schema["items"])
    if "anyOf" in schema:
        result["anyOf"] = [_with_references(choice) for choice in schema["anyOf"]]
    is_free = schema.get("type") == "string" and not schema.keys() & {"enum", "pattern"}
    if is_free or schema.get("type") in (None, "array", "object", "null"):
        return result
    notes: Schema = {word: result.pop(word) for word in ("title", "description", "default") if word in result}
    return {**notes, "anyOf": [result, _REFERENCE]}
