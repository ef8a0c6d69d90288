import json
import subprocess
import sys

from gateway.config import config_schema
from gateway.config.schema import description_at, keys, names_at, words_at


def test_every_key_has_a_description_that_names_its_unit():
    for key in keys():
        assert key.description.endswith("."), key.path
        if key.unit in {"seconds", "bytes"}:
            assert f"in {key.unit}" in key.description, key.path


def test_every_key_that_is_not_required_has_a_default_or_may_be_absent():
    absent = {key.path for key in keys() if not key.required and not key.is_section and key.default is None}
    assert absent == {
        "parties[].business_details.website",
        "parties[].business_details.logo.thumbnail",
        "partners.<name>.rotation",
        "partners.<name>.modules",
        "partners.<name>.requests_per_second",
        "limits.requests_per_second_per_partner",
        "limits.requests_per_second_per_source",
        "listen.public.tls.client_ca",
        "parties[].business_details.logo.width",
        "parties[].business_details.logo.height",
        "backend.modules.<name>.path",
        "encryption_key",
        "partners.<name>.backend_authorization",
        "partners.<name>.ca_file",
        "partners.<name>.client_certificate",
        "partners.<name>.client_key",
        "outbound.ca_file",
        "egress.allow[].partner",
    }


def test_the_table_knows_type_unit_and_default():
    table = {key.path: key for key in keys()}
    assert table["listen.public.port"].type == "whole number, at least 0, at most 65535"
    assert (table["timeouts.header_seconds"].unit, table["timeouts.header_seconds"].default) == ("seconds", 15)
    assert (table["tokens.invitation_lifetime"].type, table["tokens.invitation_lifetime"].default) == ("duration", "7d")
    assert table["backend.modules.<name>.role"].required
    assert table["parties[].business_details"].is_section


def test_names_words_and_descriptions_are_found_by_key_path():
    assert names_at(("log",)) == ("level", "format")
    assert names_at(("backend", "modules")) == ()
    assert names_at(("backend", "modules", "anything")) == ("role", "path")
    assert names_at(("parties", 3, "business_details")) == ("name", "website", "logo")
    assert names_at(("no", "such", "key")) == ()
    assert words_at(("backend", "modules", "x", "role")) == ("SENDER", "RECEIVER")
    assert words_at(("backend", "modules", "x", "role", 1)) == ("SENDER", "RECEIVER")
    assert words_at(("public_url",)) == ()
    assert description_at(("listen",)) == "The four listeners"
    assert description_at(()) == ""


def test_the_schema_refuses_unknown_keys_and_names_the_required_ones():
    schema = config_schema()
    assert schema["required"] == ["public_url", "parties", "backend"]
    assert schema["additionalProperties"] is False
    assert all(
        section["additionalProperties"] is False for section in schema["$defs"].values() if "properties" in section
    )


def test_the_schema_lets_a_reference_stand_for_a_number_a_word_and_a_switch():
    schema = config_schema()
    reference = {"type": "string", "pattern": r"\$\{.+\}"}
    assert reference in schema["$defs"]["PublicListener"]["properties"]["port"]["anyOf"]
    assert reference in schema["$defs"]["Role"]["anyOf"]
    assert reference in schema["properties"]["development"]["anyOf"]
    assert reference in schema["$defs"]["OurParty"]["properties"]["country_code"]["anyOf"]


def test_the_schema_shows_no_masked_default():
    assert "**" not in json.dumps(config_schema())


def test_the_schema_is_the_same_in_another_process_and_place(tmp_path):
    program = "import json; from gateway.config import config_schema; print(json.dumps(config_schema()))"
    environ = {"PYTHONHASHSEED": "7", "LANG": "C", "HOME": str(tmp_path)}
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environ, capture_output=True, check=True, text=True
    )
    assert printed.stdout == json.dumps(config_schema()) + "\n"
