"""Tries the tests on mutants of the modules they guard, and fails where too many live.

`make mutants ARGS='address ranges'` takes modules whose path holds a word, all of groups.toml without one; `--sample N`
takes N of each module, the same each time unless another `--seed` is given. Nothing on disk is changed: a mutant is
put in the module's place when a process of its own imports it.
"""

import argparse
import ast
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from tools.groups import ROOT, groups
from tools.mutation import Mutant, mutants

LEAST_PERCENT = 85
#: A mutant that takes so many times as long as no mutant has been noticed: it hangs.
_PATIENCE = 8
_PYTEST = (
    "-x",
    "-q",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--no-header",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",
)


class _Loader(SourceFileLoader):
    """Loads a mutant from memory."""

    def __init__(self, name: str, path: str, tree: ast.Module) -> None:
        super().__init__(name, path)
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the one it was made for
        return compile(self._tree, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds a mutant in the place of its module."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self._path, self._tree = path, tree
        self._name = ".".join(path.relative_to(ROOT).with_suffix("").parts)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the names of the base's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        loader = _Loader(fullname, str(self._path), self._tree)
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


def passes(
    tests: Sequence[str], *, seconds: float, finder: _Finder | None = None, imported: Path | None = None
) -> bool:
    """Whether the tests pass in a process of their own, in time; optionally notes which libraries they import."""
    process = os.fork()
    if process == 0:
        os.setsid()
        os._exit(_child(tests, finder, imported))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False


def _child(tests: Sequence[str], finder: _Finder | None, imported: Path | None) -> int:
    import pytest  # noqa: PLC0415 - not before the finder is in place

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    if finder is not None:
        sys.meta_path.insert(0, finder)
    code = pytest.main([*_PYTEST, *tests])
    if imported is not None:
        ours = ("gateway", "tests", "fuzz", "conftest", "__main__", "_pytest.python_path")
        imported.write_text(json.dumps([name for name in sys.modules if not name.startswith(ours)]))
    return int(code)


def prepare(path: Path, tests: Sequence[str]) -> float:
    """Import what the tests need beside us, so that each mutant finds it, and run them on no mutant; gives the time.

    Raises:
        SystemExit: they fail.
    """
    sound = _Finder(path, ast.parse(path.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        noted = Path(folder) / "imported"
        if not passes(tests, seconds=900, finder=sound, imported=noted):
            sys.exit(f"the tests fail without any mutant: {' '.join(tests)}")
        for name in json.loads(noted.read_text(encoding="utf-8")):
            with suppress(Exception):  # some need others to be there, and nothing needs them here
                importlib.import_module(name)
    started = time.monotonic()
    if not passes(tests, seconds=900, finder=sound):
        sys.exit(f"the tests fail in a process that has imported their libraries: {' '.join(tests)}")
    return time.monotonic() - started


def hunt(module: str, tests: Sequence[str], *, sample: int, seed: int) -> tuple[int, list[str]]:
    """Try mutants of a module; gives how many there were, and which lived."""
    path = ROOT / module
    found: list[Mutant] = list(mutants(path.read_text(encoding="utf-8")))
    if sample and sample < len(found):
        found = random.Random(f"{seed} {module}").sample(found, sample)
    seconds = prepare(path, tests) * _PATIENCE + 10
    lived = [
        f"{module}:{mutant.line}: {mutant.change}"
        for mutant in found
        if passes(tests, seconds=seconds, finder=_Finder(path, mutant.tree))
    ]
    return len(found), lived


def main() -> None:
    """Print each module and group; exit code 1 where too few mutants of a group were noticed."""
    parser = argparse.ArgumentParser(prog="make mutants ARGS=", description="try the tests on faulty modules")
    parser.add_argument("words", nargs="*", help="modules whose path holds one of these; all if none")
    parser.add_argument("--sample", type=int, default=0, help="so many of each module; all unless given")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    asked = parser.parse_args()
    below = False
    for group, modules in groups().items():
        wanted = {name: tests for name, tests in modules.items() if _is_wanted(name, asked.words)}
        if wanted:
            below |= _try(group, wanted, sample=asked.sample, seed=asked.seed) < LEAST_PERCENT
    sys.exit(below)


def _is_wanted(name: str, words: Sequence[str]) -> bool:
    return not words or any(word in name for word in words)


def _quick(tests: list[str]) -> list[str]:
    """Tests on both databases are run on SQLite alone, which costs no server, unless PostgreSQL is what they test."""
    return tests if any("postgres" in test for test in tests) else [*tests, "-k", "not [postgresql"]


def _try(group: str, modules: dict[str, list[str]], *, sample: int, seed: int) -> float:
    made = alive = 0
    for module, tests in modules.items():
        number, lived = hunt(module, _quick(tests), sample=sample, seed=seed)
        made, alive = made + number, alive + len(lived)
        print(f"{module}: {number - len(lived)} of {number} noticed", *lived, sep="\n  lived ", flush=True)
    percent = 100 * (made - alive) / made if made else 100.0
    print(f"{group}: {percent:.1f} % of the mutants were noticed; at least {LEAST_PERCENT} % must be\n", flush=True)
    return percent


if __name__ == "__main__":
    main()
