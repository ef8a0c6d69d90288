"""Which configuration a call works on."""

import json

import pytest

from tests.cli.conftest import CONFIGURATION

BROKEN = CONFIGURATION.replace("role: CPO", "role: CPX").replace("database:", "databas:")


def checked(result):
    assert result.exit_code == 0, result.errors
    return json.loads(result.output)["checked"][0]


def named(database):
    return CONFIGURATION.replace("gateway.db", database)


def test_the_option_goes_before_environment_and_working_directory(folder, command, monkeypatch):
    (folder / "config.yaml").write_text(named("here.db"))
    (folder / "environment.yaml").write_text(named("environment.db"))
    (folder / "option.yaml").write_text(named("option.db"))
    monkeypatch.setenv("OCPI_GATEWAY_CONFIG", "environment.yaml")

    assert "option.db" in checked(command("-c", "option.yaml", "validate", "--json"))


def test_the_environment_goes_before_the_working_directory(folder, command, monkeypatch):
    (folder / "config.yaml").write_text(named("here.db"))
    (folder / "environment.yaml").write_text(named("environment.db"))
    monkeypatch.setenv("OCPI_GATEWAY_CONFIG", "environment.yaml")

    assert "environment.db" in checked(command("validate", "--json"))


@pytest.mark.parametrize("environment", [None, ""])
def test_config_yaml_in_the_working_directory_is_used_where_nothing_is_named(folder, command, monkeypatch, environment):
    (folder / "config.yaml").write_text(named("here.db"))
    if environment is not None:
        monkeypatch.setenv("OCPI_GATEWAY_CONFIG", environment)

    assert "here.db" in checked(command("validate", "--json"))


def test_without_any_file_the_example_is_used_and_that_is_said(folder, command):
    result = command("validate", "--json")

    assert "data/gateway.db" in checked(result)
    assert "using the example configuration" in result.errors
    assert "config.example.yaml" in result.errors


def test_a_dash_reads_the_configuration_from_standard_input(command):
    assert "piped.db" in checked(command("-c", "-", "validate", "--json", stdin=named("piped.db")))


def test_every_problem_is_a_line_on_standard_error_and_the_exit_code_is_78(folder, command):
    (folder / "broken.yaml").write_text(BROKEN)

    result = command("-c", "broken.yaml", "partner", "list", "--json")

    first, second = result.errors.splitlines()
    assert (result.exit_code, result.output) == (78, "")
    assert first.startswith("broken.yaml:4: parties[0].role: ")
    assert second.startswith("broken.yaml:14: databas: ")


def test_a_configuration_that_does_not_exist_is_invalid(command):
    result = command("-c", "nowhere.yaml", "migrate")

    assert result.exit_code == 78
    assert result.errors.startswith("nowhere.yaml: can't be read")


def test_a_traceback_is_shown_at_log_level_debug_only(folder, prepared):
    silent = prepared("partner", "show", "nobody")
    (folder / "config.yaml").write_text(CONFIGURATION + "log: {level: debug}\n")
    talkative = prepared("partner", "show", "nobody")

    assert "Traceback" not in silent.errors
    assert "Traceback" in talkative.errors
    assert talkative.errors.endswith(silent.errors)
