"""The groups of modules of groups.toml, with the tests of each module."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def groups() -> dict[str, dict[str, list[str]]]:
    """By group, by module as a path below the root: its tests. A named module goes before a pattern."""
    table = tomllib.loads((ROOT / "tools" / "groups.toml").read_text(encoding="utf-8"))
    return {group: _modules(rows) for group, rows in table.items()}


def _modules(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pattern, tests in sorted(rows.items(), key=lambda row: "*" in row[0]):
        for path in sorted(ROOT.glob(pattern)):
            found.setdefault(path.relative_to(ROOT).as_posix(), tests)
    return found
