import io
import os
import traceback

import pytest

from gateway.config import ConfigError, load, load_text
from gateway.ocpi.errors import Fault, OperatorError


def test_a_file_is_read_by_its_path(tmp_path, minimal):
    file = tmp_path / "config.yaml"
    file.write_text(minimal, encoding="utf-8")
    assert load(file, {}).config.public_url == "https://ocpi.example.com"


def test_a_byte_order_mark_is_no_obstacle(tmp_path, minimal):
    file = tmp_path / "config.yaml"
    file.write_text(minimal, encoding="utf-8-sig")
    assert load(file, {}).config.public_url == "https://ocpi.example.com"


def test_a_dash_reads_standard_input_and_says_so_in_problems(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO("nonsense: 1\n"))
    with pytest.raises(ConfigError) as caught:
        load(type(tmp_path)("-"), {})
    assert "<stdin>:1: nonsense: unknown key" in str(caught.value)


def test_a_missing_file_is_one_problem_of_the_operator(tmp_path):
    with pytest.raises(OperatorError) as caught:
        load(tmp_path / "absent.yaml", {})
    assert isinstance(caught.value, ConfigError)
    assert caught.value.fault is Fault.OPERATOR
    expected = f"{tmp_path}/absent.yaml: can't be read: No such file or directory, name a configuration file with -c"
    assert str(caught.value) == expected


def test_a_folder_instead_of_a_file_is_a_problem(tmp_path):
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path, {})


def test_a_file_that_is_not_text_is_a_problem(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't be read: it is not UTF-8 text"):
        load(file, {})


def test_an_empty_file_names_every_required_key(problems_of):
    assert [line.partition(", ")[0] for line in problems_of("# nothing\n")] == [
        "c.yaml:1: public_url: missing",
        "c.yaml:1: parties: missing",
        "c.yaml:1: backend: missing",
    ]


@pytest.mark.parametrize("text", ["[]", "just words"])
def test_a_document_that_is_no_mapping_is_a_problem(problems_of, text):
    assert problems_of(text) == ["c.yaml:1: must be a mapping of keys"]


def test_everything_is_reported_at_once_in_the_order_of_the_file(problems_of):
    text = """\
public_url: http://ocpi.example.com
parties:
  - {role: CPO, country_code: NL, party_id: EXA, business_details: {name: A}}
  - {role: CPO, country_code: nl, party_id: exa, business_details: {name: B}}
  - {role: cpo, country_code: NLD, party_id: EXB, business_details: {}}
backend:
  url: legacy
  authorization: Token ${MISSING}
  egress_token: a b
  modules:
    locations: {rol: SENDER}
  egress_token: twice
listen:
  private: {port: 8080}
limits: {body_bytes: many}
"""
    assert [line.split(": ", 2)[:2] for line in problems_of(text)] == [
        ["c.yaml:1", "public_url"],
        ["c.yaml:5", "parties[2].role"],
        ["c.yaml:5", "parties[2].country_code"],
        ["c.yaml:5", "parties[2].business_details.name"],
        ["c.yaml:7", "backend.url"],
        ["c.yaml:8", "backend.authorization"],
        ["c.yaml:9", "backend.egress_token"],
        ["c.yaml:11", "backend.modules.locations.role"],
        ["c.yaml:11", "backend.modules.locations.rol"],
        ["c.yaml:12", "backend.egress_token"],
        ["c.yaml:14", "listen.private.port"],
        ["c.yaml:15", "limits.body_bytes"],
    ]


def test_checks_of_several_keys_run_although_other_keys_are_wrong(problems_of, minimal):
    text = minimal.replace("https://ocpi", "http://ocpi") + "refresh_seconds: often\n"
    assert [line.split(": ")[:2] for line in problems_of(text)] == [
        ["c.yaml:1", "public_url"],
        ["c.yaml:13", "refresh_seconds"],
    ]


def test_a_check_of_several_keys_waits_until_each_of_them_is_sound(problems_of, minimal):
    text = minimal.replace("https://ocpi", "http://ocpi") + "development: perhaps\n"
    assert problems_of(text) == ["c.yaml:13: development: must be true or false"]


def test_nothing_more_is_said_about_a_value_whose_variable_is_missing(problems_of, minimal):
    text = minimal.replace("https://ocpi.example.com", "${PUBLIC_URL}")
    assert problems_of(text) == [
        "c.yaml:1: public_url: the environment variable PUBLIC_URL is not set, set it, or write ${PUBLIC_URL:-default}"
    ]


def test_a_valid_document_with_a_duplicate_key_is_still_refused(problems_of, minimal):
    assert problems_of(minimal + "versions: ['2.2']\nversions: ['2.2.1']\n") == [
        "c.yaml:14: versions: duplicate key, first given on line 13, remove one"
    ]


def test_a_key_without_value_counts_as_absent(config_of, minimal):
    config = config_of(minimal + "limits:\nversions:\nencryption_key: ${GATEWAY_KEY:-}\n")
    assert config.limits.body_bytes == 134217728
    assert config.versions == ("2.2.1", "2.2")
    assert config.encryption_key is None


def test_a_value_from_the_environment_gets_the_type_of_its_key(config_of, minimal):
    text = minimal + 'listen: {public: {port: "${PORT}"}}\ndevelopment: ${DEV}\nrefresh_seconds: ${REFRESH}\n'
    config = config_of(text, {"PORT": "9000", "DEV": "true", "REFRESH": "0.5"})
    assert config.listen.public.port == 9000
    assert config.development is True
    assert config.refresh_seconds == 0.5


def test_a_secret_that_looks_like_a_number_stays_text(config_of, minimal):
    text = minimal.replace("0123456789abcdef", "${EGRESS}")
    assert config_of(text, {"EGRESS": "0012345678901234"}).backend.egress_token.get_secret_value() == "0012345678901234"


def test_the_real_environment_can_be_passed(tmp_path, minimal):
    file = tmp_path / "config.yaml"
    file.write_text(minimal, encoding="utf-8")
    assert load(file, os.environ).warnings == ()


def test_warnings_carry_the_line_of_their_key(minimal):
    loaded = load_text(minimal + "development: true\n", source="c.yaml", environ={})
    assert [str(warning) for warning in loaded.warnings] == [
        "c.yaml:13: development: partners may use http and loopback addresses, never do so in production"
    ]


CANARY = "canary-5f3e9a"
#: Each puts the canary where a message could pick it up; all are wrong.
LEAKS = [
    "public_url: CANARY",
    "public_url: https://user:CANARY@example.com",
    "backend: CANARY",
    "backend: {authorization: 'CANARY\n\n x'}",
    "backend: {authorization: [CANARY]}",
    "backend: {egress_token: 'CANARY CANARY'}",
    "backend: {egress_token: {CANARY: 1}}",
    "encryption_key: CANARY",
    "database: mysql://u:CANARY@h/d",
    "database: [CANARY]",
    "partners: {acme: {backend_authorization: 'CANARY\t'}}",
    "backend: {egress_token: *CANARY}",
    "backend: {egress_token: !CANARY x}",
    "backend: {egress_token: !CANARY!x x}",
    "backend: {egress_token: &CANARY x, authorization: &CANARY x}",
    "backend: {egress_token: 'CANARY}",
    'backend: {egress_token: "\\CANARY"}',
    "backend:\n  egress_token: CANARY: x",
    "backend:\n  egress_token: CANARY\n oops",
    "refresh_seconds: ${SECRET}",
    "log: {level: '${SECRET}'}",
    "versions: ['${SECRET}']",
    "egress: {allow: [{cidr: '${SECRET}', ports: ['${SECRET}'], hosts: ['${SECRET}/'], partner: '${SECRET}/'}]}",
    "tokens: {tombstone: '${SECRET}'}",
    "listen: {public: {host: '${SECRET}/', port: '${SECRET}'}}",
    "parties: [{role: '${SECRET}', country_code: '${SECRET}', party_id: '${SECRET}'}]",
    "backend: {modules: {locations: {role: '${SECRET}', path: '${SECRET}'}}}",
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_value_is_ever_quoted_in_an_error(text):
    with pytest.raises(ConfigError) as caught:
        load_text(text.replace("CANARY", CANARY), source="c.yaml", environ={"SECRET": CANARY})
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(caught.value.problems)
    assert CANARY not in shown


def test_secrets_are_not_in_the_repr_of_the_configuration(minimal):
    text = minimal.replace("legacy-secret", CANARY).replace("0123456789abcdef", CANARY) + (
        f"database: postgresql://gateway:{CANARY}@db/ocpi\npartners: {{acme: {{backend_authorization: {CANARY}}}}}\n"
        "encryption_key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n"
    )
    loaded = load_text(text, source="c.yaml", environ={})
    shown = repr(loaded) + str(loaded.config) + loaded.config.model_dump_json() + loaded.config.database_label
    assert CANARY not in shown
    assert "MDEyMzQ1" not in shown
