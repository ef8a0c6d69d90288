"""`config.example.yaml` is what a newcomer starts from: it must work as it stands, and tell the truth."""

import re
from pathlib import Path

import pytest

from gateway.config import check_environment, load, load_text
from gateway.config.schema import keys

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
#: The example with every commented key put into effect.
UNCOMMENTED = re.sub(r"^#(?=[a-z]| {2}[a-z])", "", TEXT, flags=re.MULTILINE)


def test_the_example_loads_with_an_empty_environment_and_warns_of_development_only():
    loaded = load(EXAMPLE, {})
    assert [warning.key_path for warning in loaded.warnings] == ["development"]
    assert loaded.config.public_url == "http://127.0.0.1:8080"
    assert loaded.config.database_label == "sqlite:///data/gateway.db"
    assert loaded.config.encryption_key is None


def test_the_example_needs_no_file_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_environment(load(EXAMPLE, {})) == ()


def test_the_examples_variables_configure_it_for_production():
    environ = {
        "PUBLIC_URL": "https://ocpi.example.org",
        "BACKEND_URL": "http://legacy:9000/ocpi",
        "BACKEND_TOKEN": "one",
        "EGRESS_TOKEN": "sixteen-or-more-characters",
        "DATABASE_URL": "sqlite:////data/gateway.db",
        "GATEWAY_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    }
    loaded = load_text(TEXT.replace("development: true", "development: false"), source="example", environ=environ)
    assert loaded.warnings == ()
    assert loaded.config.backend.authorization.get_secret_value() == "Token one"
    assert set(re.findall(r"^[^#\n]*\$\{([A-Z_]+)", TEXT, re.MULTILINE)) == set(environ)


def test_the_commented_keys_show_the_true_defaults():
    shown, defaults = (load_text(text, source="example", environ={}).config for text in (UNCOMMENTED, TEXT))
    assert shown == defaults


@pytest.mark.parametrize("key", [key.path for key in keys() if "<" not in key.path and "[]" not in key.path])
def test_the_example_names_every_key_that_holds_neither_files_nor_addresses_of_the_operators(key):
    of_the_operator = {"outbound.ca_file", "listen.public.trusted_proxies", "listen.public.tls"}
    of_the_operator |= {f"listen.public.tls.{each}" for each in ("certificate", "key", "client_ca")}
    of_the_operator |= {"listen.public.tls.client_certificates"}
    place = load_text(UNCOMMENTED, source="example", environ={}).locator.positions
    assert (tuple(key.split(".")) in place) is (key not in of_the_operator)


def test_the_partner_and_egress_samples_in_the_comments_are_valid():
    def sample(first):
        block = re.search(rf"^#   {first}:\n(?:#     .*\n)+", TEXT, re.MULTILINE)
        assert block is not None
        return re.sub(r"^#   ", "", block[0], flags=re.MULTILINE)

    environ = {"ACME_BACKEND_TOKEN": "acme-secret"}
    config = load_text(TEXT + sample("partners") + sample("egress"), source="example", environ=environ).config
    assert config.partner("acme").credentials_http_status == 201
    assert config.egress.allow[0].partner == "acme"
