"""No version with a known advisory is installed, locked or allowed (requirements/floors.toml; hardening.md, T6)."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
TABLE = tomllib.loads((ROOT / "requirements" / "floors.toml").read_text(encoding="utf-8"))
FLOORS = {row["package"]: Version(row["version"]) for row in TABLE["floor"]}
LOCKS = sorted(path for path in ROOT.rglob("*.lock") if not {".venv", ".peers"} & set(path.relative_to(ROOT).parts))
LOCKED = re.compile(r"^([a-z0-9-]+)==([^\s;]+)", re.MULTILINE)
#: Bound by what they test: versions that the foreign platforms were written for, on loopback, for the time of a test.
OLD_ON_PURPOSE = ("extrawest.lock", "py-ocpi.lock")


def below(packages):
    """Which of these `(name, version)` lie below their floors."""
    return [f"{name} {found}" for name, found in packages if Version(found) < FLOORS.get(name, Version("0"))]


def declared():
    """Every requirement of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        *project["dependency-groups"].values(),
    ]
    return [Requirement(text) for requirements in lists for text in requirements]


@pytest.mark.threat("T6")
@pytest.mark.parametrize(
    "lock", [path for path in LOCKS if path.name not in OLD_ON_PURPOSE], ids=lambda path: path.name
)
def test_no_lock_holds_a_version_below_its_floor(lock):
    locked = LOCKED.findall(lock.read_text(encoding="utf-8"))

    assert locked
    assert below(locked) == []


def test_no_installed_version_is_below_its_floor():
    installed = []
    for name in FLOORS:
        try:
            installed.append((name, version(name)))
        except PackageNotFoundError:
            continue

    assert len(installed) > 10
    assert below(installed) == []


def test_no_bound_of_pyproject_allows_a_version_below_its_floor():
    lowest = [
        (requirement.name.lower(), next((each.version for each in requirement.specifier if each.operator == ">="), "0"))
        for requirement in declared()
    ]

    assert below(lowest) == []


def test_this_python_is_not_below_its_floor():
    assert Version(".".join(map(str, sys.version_info[:3]))) >= Version(TABLE["python"]["version"])


def test_every_row_says_which_advisory_and_why_and_the_rows_are_sorted():
    rows = [TABLE["python"], *TABLE["floor"]]

    assert all(re.fullmatch(r"(CVE-\d{4}-\d{4,}|GHSA(-[a-z0-9]{4}){3})", row["advisory"]) for row in rows)
    assert all(20 < len(row["why"]) <= 110 for row in rows)
    assert [row["package"] for row in TABLE["floor"]] == sorted(FLOORS)


def test_a_version_below_its_floor_is_found():
    assert below([("aiohttp", "3.14.2"), ("aiohttp", "3.14.3"), ("idna", "3.9"), ("unheard-of", "0.0.1")]) == [
        "aiohttp 3.14.2",
        "idna 3.9",
    ]
