"""The plugin bites: each test of `leaks.py` leaks a secret at one place, and is told of that place."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.canaries import leaks

LEAKS = {name: function.__doc__ for name, function in vars(leaks).items() if name.startswith("test_")}


@pytest.fixture(scope="module")
def told():
    """What that suite was told at the end of each of its tests."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", leaks.__file__]
    root = Path(__file__).parents[2]
    output = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False).stdout
    sections = re.split(r"^_+ ERROR at teardown of (\w+)\S* _+$", output, flags=re.MULTILINE)
    assert " failed" not in output.splitlines()[-1], output
    return dict(zip(sections[1::2], sections[2::2], strict=True))


@pytest.mark.parametrize("name", [name for name, place in LEAKS.items() if place != "nothing"])
def test_a_leak_fails_the_test_and_is_named_without_being_shown(told, name):
    kind, place = LEAKS[name].split(" # ")
    lines = [line for line in told[name].splitlines() if " stands " in line]
    assert re.search(rf"^{kind} [0-9a-f]{{8}} {re.escape(place)}", lines[0]), lines
    assert leaks.SECRET not in "".join(lines)


@pytest.mark.parametrize("name", [name for name, place in LEAKS.items() if place == "nothing"])
def test_a_secret_where_it_has_to_be_is_no_leak(told, name):
    assert name not in told
