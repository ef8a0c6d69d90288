"""What the shared fixtures promise."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CI

SKIPS = """
import pytest

def test_skipped():
    pytest.skip("no such tool here")

@pytest.mark.xfail(strict=True)
def test_expected_to_fail():
    raise AssertionError
"""


@pytest.fixture
def suite_with_a_skip(tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(SKIPS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")

    def run(ci):
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
            cwd=tmp_path,
            env={**os.environ, CI: ci},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("ci", "exit_code", "closing"), [("1", 1, "1 failed, 1 xfailed"), ("", 0, "1 skipped, 1 xfailed")]
)
def test_a_skipped_test_is_a_failed_one_in_ci_only(suite_with_a_skip, ci, exit_code, closing):
    ended = suite_with_a_skip(ci)

    assert ended.returncode == exit_code, ended.stdout + ended.stderr
    assert closing in ended.stdout
    assert "no such tool here" in ended.stdout or ci == ""


def test_a_skipped_module_is_an_error_in_ci(suite_with_a_skip, tmp_path):
    (tmp_path / "test_it.py").write_text('import pytest\npytest.skip("not on this machine", allow_module_level=True)\n')

    ended = suite_with_a_skip("1")

    assert ended.returncode != 0
    assert "not on this machine" in ended.stdout


def test_the_clock_stands_still_until_it_is_moved(clock):
    before = clock()

    clock.move(hours=1)

    assert (clock() - before).total_seconds() == 3600
    assert clock() == clock()
