"""Runs the tests of the groups with coverage and fails where a group's branches are covered less than they must be.

`make coverage`; arguments go to pytest. Needs some minutes.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.groups import ROOT, groups

LEAST_PERCENT = 95
_TESTS = ("tests/ocpi", "tests/net", "tests/store", "tests/handshake", "tests/app", "tests/cli")


def measure(arguments: list[str], folder: Path) -> dict[str, Any]:
    """Run the tests; gives coverage's report by file. Ends the program where a test fails."""
    coverage = [sys.executable, "-m", "coverage"]
    data = ["--data-file", str(folder / "data")]
    tests = [*_TESTS, "-q", "-n", "auto", *arguments]
    subprocess.run([*coverage, "run", *data, "-m", "pytest", *tests], cwd=ROOT, check=True)
    subprocess.run([*coverage, "combine", "-q", *data, folder], cwd=ROOT, check=True)
    report = folder / "report.json"
    subprocess.run([*coverage, "json", "-q", *data, "-o", report], cwd=ROOT, check=True)
    files: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))["files"]
    return files


def judge(files: Mapping[str, Any], modules: Mapping[str, Any]) -> tuple[float, list[str]]:
    """Percent of the branches of these modules that were taken, and what was missed: `file: lines, branches`."""
    taken = known = 0
    missed = []
    for name in modules:
        summary, file = files[name]["summary"], files[name]
        taken += summary["covered_branches"]
        known += summary["num_branches"]
        branches = " ".join(f"{start}->{end}" for start, end in file["missing_branches"])
        lines = " ".join(map(str, file["missing_lines"]))
        if branches or lines:
            missed.append(f"{name}: lines {lines or 'all'}; branches {branches or 'all'}")
    return 100 * taken / known, missed


def main() -> None:
    """Print each group; exit code 1 where one is below."""
    with tempfile.TemporaryDirectory() as folder:
        files = measure(sys.argv[1:], Path(folder))
    below = False
    for group, modules in groups().items():
        percent, missed = judge(files, modules)
        below |= percent < LEAST_PERCENT
        print(
            f"\n{group}: {percent:.1f} % of the branches; at least {LEAST_PERCENT} % must be",
            *missed,
            sep="\n  missed ",
        )
    sys.exit(below)


if __name__ == "__main__":
    main()
