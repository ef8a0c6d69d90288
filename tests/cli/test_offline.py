"""`key generate`, `schema`, `version`."""

import base64
import json
import sys

import gateway
from gateway.config import config_schema
from tests.cli.conftest import CONFIGURATION


def test_key_generate_prints_a_new_key_each_time(command):
    first, second = (command("key", "generate").output for _ in range(2))

    assert len(base64.b64decode(first, validate=False)) == 32
    assert first != second


def test_a_generated_key_is_accepted_as_encryption_key(folder, configured):
    key = configured("key", "generate").output.strip()
    (folder / "config.yaml").write_text(CONFIGURATION + f"encryption_key: {key}\n")

    assert configured("migrate").exit_code == 0
    assert list(folder.glob("*.key")) == []


def test_schema_prints_the_json_schema_of_the_configuration(command):
    assert json.loads(command("schema").output) == config_schema()


def test_version_as_json_names_the_ocpi_versions_too(command):
    document = json.loads(command("version", "--json").output)

    assert document["version"] == gateway.__version__
    assert document["ocpi_versions"] == ["2.2.1", "2.2"]
    assert document["python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
