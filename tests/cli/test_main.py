"""The command as a whole: `python -m gateway`, what it loads, its exit codes."""

import subprocess
import sys

import pytest

import gateway
from gateway.cli import main

OFFLINE = [("version",), ("version", "--json"), ("schema",), ("key", "generate"), ("--help",), ("partner", "--help")]
HEAVY = ("aiohttp", "sqlalchemy", "alembic", "uvloop")


def test_the_package_runs_as_a_module():
    ended = subprocess.run([sys.executable, "-m", "gateway", "version"], capture_output=True, text=True, check=True)

    assert ended.stdout == f"ocpi-gateway {gateway.__version__}\n"
    assert ended.stderr == ""


@pytest.mark.parametrize("words", [*OFFLINE, ("healthcheck",)], ids=" ".join)
def test_a_verb_without_partners_loads_neither_http_server_nor_database(words, tmp_path):
    script = (
        "import sys, gateway.cli\n"
        f"try: gateway.cli.main({words!r})\n"
        "except SystemExit: pass\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert ended.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize("words", OFFLINE, ids=" ".join)
def test_a_verb_without_configuration_reads_none(words, folder, command):
    (folder / "config.yaml").write_text("this: is not a configuration")

    result = command(*words)

    assert (result.exit_code, result.errors) == (0, "")


@pytest.mark.parametrize("words", [(), ("partner",), ("nonsense",), ("partner", "show"), ("version", "--nonsense")])
def test_wrong_usage_ends_with_2(words, command):
    assert command(*words).exit_code == 2


@pytest.mark.parametrize("verb", ["doctor"])
def test_verbs_that_do_not_exist_yet_are_not_offered(verb, command):
    *groups, word = verb.split()

    assert command(*verb.split(), "--help").exit_code == 2
    assert f" {word} " not in command(*groups, "--help").output


def test_an_error_that_nobody_foresaw_names_its_place_but_not_its_text(command, monkeypatch, capsys):
    def break_down(*_):
        raise ZeroDivisionError("secret text")

    monkeypatch.setattr("gateway.cli.offline.show_json", break_down)

    result = command("version", "--json")

    assert result.exit_code == 1
    assert "ZeroDivisionError at gateway/cli/offline.py:" in result.errors
    assert "fault: gateway" in result.errors
    assert "secret text" not in result.errors
    assert "Traceback" not in result.errors


def test_the_console_script_is_the_same_function():
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="ocpi-gateway")

    assert script.load() is main
