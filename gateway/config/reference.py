"""Writes `docs/reference/configuration.md` from the table of keys: `python -m gateway.config.reference [--check]`.

CI runs it with `--check`, so that the page can't differ from what the program does (operations.md, validate).
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.config.schema import Key, keys

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "configuration.md"

_INTRODUCTION: Final = """\
# Configuration

<!-- Made by `python -m gateway.config.reference` from gateway/config; do not edit. -->

The gateway reads one YAML file: `ocpi-gateway -c config.yaml run`. `config.example.yaml` is a commented start.
`ocpi-gateway validate` reports everything that is wrong at once, each problem with its line; `ocpi-gateway schema`
prints a JSON Schema for editors.

* Unknown and duplicate keys are errors. A key without a value counts as absent.
* Every value is read as what its key needs: `country_code: NO` is Norway, `versions: [2.2]` is a version.
* `${VAR}` puts an environment variable into a value, `${VAR:-default}` falls back when it is unset or empty,
  `${file:/path}` puts in the content of a file without the line feed at its end. An unset variable is an error.
  All may stand inside longer values; `$${` stands for a literal `${`. Inside `{ }` and `[ ]` quote the whole value.
* Relative paths are relative to the working directory.
* Secrets are shown nowhere: not in errors, logs or `repr`.
* Durations are written `60s`, `5m`, `24h`, `7d` or `2w`, or as a plain number of seconds. Keys that end in `_seconds`
  or `_bytes` hold plain numbers.
* `<name>` stands for a name of your choice, `[]` for each entry of a list.
"""


def render() -> str:
    """The page as Markdown; the same on every machine."""
    return "\n".join([_INTRODUCTION, *_top_level(), *_sections()]).rstrip() + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` only compare it; the exit code is 1 when it is stale."""
    if "--check" not in arguments:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(render(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == render():
        return 0
    sys.stderr.write("docs/reference/configuration.md is stale: run python -m gateway.config.reference\n")
    return 1


def _top_level() -> Iterator[str]:
    yield "## Top level\n"
    yield from _table([key for key in keys() if "." not in key.path])


def _sections() -> Iterator[str]:
    for section in keys():
        if section.is_section:
            below = [key for key in keys() if _parent(key) == section.path]
            yield f"## `{section.path}`\n"
            yield f"{section.description}\n"
            yield from _table(below)


def _parent(key: Key) -> str:
    return key.path.rpartition(".")[0].removesuffix("[]").removesuffix(".<name>")


def _table(rows: Sequence[Key]) -> Iterator[str]:
    yield "| key | type | unit | default | what |"
    yield "|---|---|---|---|---|"
    for key in rows:
        name = key.path.rpartition(".")[2]
        link = f"[`{name}`](#{_anchor(key.path)})" if key.is_section else f"`{name}`"
        yield f"| {link} | {key.type} | {key.unit} | {_default(key)} | {key.description} |"
    yield ""


def _anchor(path: str) -> str:
    """The anchor that GitHub and mkdocs make of a heading: letters, digits, `-` and `_` of it."""
    return "".join(character for character in path.lower() if character.isalnum() or character in "-_")


def _default(key: Key) -> str:
    if key.required:
        return "**required**"
    if key.is_section or key.default is None:
        return ""
    return f"`{_as_yaml(key.default)}`"


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
