from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.config import Config
from gateway.config.network import PartnerSettings, TokenFormChoice
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, Role, TokenForm


def test_the_contracts_example_loads(config_of, tmp_path):
    (tmp_path / "egress").write_text("egress-secret-0001\n", encoding="utf-8")
    config = config_of(
        f"""\
public_url: https://ocpi.example.com
parties:
  - role: CPO
    country_code: NL
    party_id: EXA
    business_details: {{name: Example Charging, website: https://example.com}}
required_modules: []
versions: ["2.2.1", "2.2"]
development: false
listen:
  public:  {{host: 0.0.0.0,   port: 8080}}
  private: {{host: 127.0.0.1, port: 8081}}
  admin:   {{host: 127.0.0.1, port: 8082}}
  status:  {{host: 0.0.0.0,   port: 8083}}
backend:
  url: http://legacy:9000/ocpi
  authorization: Token ${{BACKEND_TOKEN}}
  egress_token: ${{file:{tmp_path}/egress}}
  modules:
    locations: {{role: SENDER}}
    sessions:  {{role: SENDER, path: /v2/sessions}}
    tokens:    {{role: RECEIVER}}
database: sqlite:///data/gateway.db
encryption_key: ${{KEY}}
""",
        {"BACKEND_TOKEN": "b", "KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
    )
    assert config.backend.authorization.get_secret_value() == "Token b"
    assert config.backend.egress_token.get_secret_value() == "egress-secret-0001"
    assert config.backend.interfaces == (
        ("locations", InterfaceRole.SENDER),
        ("sessions", InterfaceRole.SENDER),
        ("tokens", InterfaceRole.RECEIVER),
    )


def test_the_documented_defaults_hold(config_of, minimal):
    config = config_of(minimal)
    assert (config.versions, config.development, config.public_versions) == (("2.2.1", "2.2"), False, False)
    assert [(listener.host, listener.port) for _, listener in config.listen] == [
        ("0.0.0.0", 8080),
        ("127.0.0.1", 8081),
        ("127.0.0.1", 8082),
        ("0.0.0.0", 8083),
    ]
    assert config.database.get_secret_value() == "sqlite:///data/gateway.db"
    assert config.outbound.callback_budget_seconds == 15
    assert config.tokens.invitation_lifetime.days == 7
    assert config.tokens.grace_seconds == 60
    assert config.callbacks.lifetime.days == 30
    assert (config.shutdown.drain_delay_seconds, config.shutdown.grace_period_seconds) == (5, 30)


def test_norway_is_not_false_and_other_words_that_yaml_misreads(config_of, minimal):
    text = minimal.replace("country_code: NL", "country_code: NO").replace("party_id: EXA", "party_id: 1E3")
    assert config_of(text + "versions: [2.2]\n").parties[0].party == Party("NO", "1E3")


def test_parties_are_kept_in_upper_case(config_of, minimal):
    ours = config_of(minimal.replace("NL", "nl").replace("EXA", "exa")).parties[0]
    assert (ours.country_code, ours.party_id, ours.party, ours.role) == ("NL", "EXA", Party("NL", "EXA"), Role.CPO)


def test_one_party_may_have_several_roles(config_of, minimal):
    more = "  - {role: EMSP, country_code: NL, party_id: EXA, business_details: {name: Example Driving}}\n"
    assert len(config_of(minimal.replace("backend:\n", more + "backend:\n")).parties) == 2


def test_business_details_come_out_as_ocpi_writes_them(config_of, minimal):
    details = "{name: A, website: https://a.example, logo: {url: https://a.example/l.png, type: png, width: 9}}"
    config = config_of(minimal.replace("{name: Example Charging}", details))
    assert config.parties[0].business_details.model_dump(mode="json", exclude_none=True) == {
        "name": "A",
        "website": "https://a.example",
        "logo": {"url": "https://a.example/l.png", "type": "png", "category": "OPERATOR", "width": 9},
    }


def test_a_module_may_have_both_roles_and_a_path_of_its_own(config_of, minimal):
    text = minimal + "    Custom_1: {role: [RECEIVER, SENDER], path: /x/y/}\n    rooted: {role: SENDER, path: /}\n"
    backend = config_of(text).backend
    assert backend.interfaces[1:3] == (("Custom_1", InterfaceRole.RECEIVER), ("Custom_1", InterfaceRole.SENDER))
    assert [backend.path_of(module) for module in ("locations", "Custom_1", "rooted")] == ["/locations", "/x/y", ""]


def test_a_repeated_role_of_a_module_is_offered_once(config_of, minimal):
    text = minimal.replace("{role: SENDER}", "{role: [SENDER, SENDER]}")
    assert config_of(text).backend.interfaces == (("locations", InterfaceRole.SENDER),)


def test_base_urls_have_no_trailing_slash(config_of, minimal):
    config = config_of(minimal.replace("example.com\n", "example.com/x/\n", 1).replace("/ocpi\n", "/ocpi/\n"))
    assert (config.public_url, config.backend.url) == ("https://ocpi.example.com/x", "http://legacy:9000/ocpi")


@pytest.mark.parametrize(
    ("host", "private_url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8081"),
        ("10.0.0.5", "http://10.0.0.5:8081"),
        ("0.0.0.0", "http://127.0.0.1:8081"),
        ("'::'", "http://[::1]:8081"),
        ("'fd00::5'", "http://[fd00::5]:8081"),
        ("gateway", "http://gateway:8081"),
    ],
)
def test_the_private_url_follows_the_private_listener(config_of, minimal, host, private_url):
    text = minimal + f"listen:\n  private:\n    host: {host}\n"
    assert config_of(text).private_url == private_url
    assert config_of(text + "private_url: http://gateway.internal/\n").private_url == "http://gateway.internal"


def test_a_partner_has_its_settings_and_every_other_one_the_defaults(config_of, minimal):
    text = minimal + (
        "partners:\n  acme:\n    {backend_authorization: Token acme, token_form: plain, credentials_http_status: 201,"
        " ownership_check: relaxed, allowed_hosts: [CDN.acme.example]}\n"
    )
    config = config_of(text)
    acme = config.partner("acme")
    assert acme.backend_authorization is not None
    assert acme.backend_authorization.get_secret_value() == "Token acme"
    assert (acme.token_form.fixed, acme.credentials_http_status) == (TokenForm.PLAIN, 201)
    assert acme.allowed_hosts == ("cdn.acme.example",)
    assert config.partner("ACME") is acme
    assert config.partner("other") == PartnerSettings()
    assert TokenFormChoice.AUTO.fixed is None


def test_an_egress_rule_means_https_of_any_partner_unless_it_says_more(config_of, minimal):
    rule = config_of(minimal + "egress: {allow: [{cidr: 10.0.0.0/8}]}\n").egress.allow[0]
    assert (str(rule.cidr), rule.hosts, rule.ports, rule.partner) == ("10.0.0.0/8", (), (443,), None)


@pytest.mark.parametrize(
    ("database", "path", "label"),
    [
        ("sqlite:///data/gateway.db", Path("data/gateway.db"), "sqlite:///data/gateway.db"),
        ("sqlite:////data/gateway.db", Path("/data/gateway.db"), "sqlite:////data/gateway.db"),
        ("postgresql://u:pw@h:5432/d?password=pw", None, "postgresql://h:5432/d"),
        ("postgresql:///d", None, "postgresql:///d"),
    ],
)
def test_the_database_has_a_path_and_a_label_without_password(config_of, minimal, database, path, label):
    config = config_of(minimal + f"database: {database}\n")
    assert (config.sqlite_path, config.database_label) == (path, label)


def test_a_loaded_configuration_cannot_change(config_of, minimal):
    config = config_of(minimal)
    with pytest.raises(ValidationError, match="frozen"):
        config.public_url = "https://other.example.com"


def test_a_configuration_made_in_code_obeys_the_checks_of_several_keys_too(config_of, minimal):
    values = config_of(minimal).model_dump(by_alias=True) | {"public_url": "http://ocpi.example.com"}
    with pytest.raises(ValidationError, match="public_url: must start with https://"):
        Config.model_validate(values)
