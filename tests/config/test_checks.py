import pytest

from gateway.config import load_text


def warnings(text):
    return [str(warning) for warning in load_text(text, source="c.yaml", environ={}).warnings]


def test_a_public_url_on_http_is_an_error_that_names_the_way_out(problems_of, minimal):
    text = minimal.replace("https://ocpi", "http://ocpi")
    assert problems_of(text) == [
        (
            "c.yaml:1: public_url: must start with https://, because partners send their tokens there, "
            "set development: true to try things out over http"
        )
    ]
    assert problems_of(text + "development: true\n") == []


@pytest.mark.parametrize(
    ("listen", "problem"),
    [
        ("private: {port: 8080}", "listen.private.port: is the port of listen.public too, give each its own"),
        ("admin: {port: 8081}", "listen.admin.port: is the port of listen.private too, give each its own"),
        ("status: {host: '::', port: 8082}", "listen.status.port: is the port of listen.admin too, give each its own"),
    ],
)
def test_two_listeners_on_one_port_are_an_error(problems_of, minimal, listen, problem):
    assert problems_of(minimal + f"listen:\n  {listen}\n") == [f"c.yaml:14: {problem}"]


def test_one_port_on_two_addresses_and_free_ports_are_no_error(problems_of, minimal):
    hosts = "{private: {host: 127.0.0.1, port: 9000}, admin: {host: 127.0.0.2, port: 9000}}"
    assert problems_of(minimal + f"listen: {hosts}\n") == []
    assert problems_of(minimal + "listen: {public: {port: 0}, private: {port: 0}, status: {port: 0}}\n") == []


def test_a_party_that_stands_twice_in_one_role_is_an_error_whatever_its_letter_case(problems_of, minimal):
    more = "  - {role: CPO, country_code: nl, party_id: exa, business_details: {name: Again}}\n"
    assert problems_of(minimal.replace("backend:\n", more + "backend:\n")) == [
        "c.yaml:7: parties[1]: is the same party and role as parties[0], remove one"
    ]


def test_a_version_that_stands_twice_is_an_error(problems_of, minimal):
    assert problems_of(minimal + "versions:\n  - 2.2\n  - '2.2'\n") == [
        "c.yaml:15: versions[1]: stands here twice, remove one"
    ]


def test_one_get_must_fit_into_the_budget_of_all_call_backs(problems_of, minimal):
    assert problems_of(minimal + "outbound: {get_timeout_seconds: 20}\n") == [
        (
            "c.yaml:13: outbound.get_timeout_seconds: is longer than outbound.callback_budget_seconds, "
            "the time for all call-backs together"
        )
    ]


def test_no_body_limit_may_exceed_the_limit_of_every_body(problems_of, minimal):
    assert problems_of(minimal + "limits:\n  body_bytes: 32768\n  credentials_body_bytes: 1024\n") == [
        "c.yaml:13: limits.rewritten_body_bytes: is larger than limits.body_bytes, the limit for every body"
    ]


def test_modules_that_differ_in_letter_case_only_are_an_error(problems_of, minimal):
    assert problems_of(minimal + "    LOCATIONS: {role: RECEIVER}\n") == [
        "c.yaml:13: backend.modules.LOCATIONS: differs from locations in letter case only, remove one"
    ]


def test_partners_that_differ_in_letter_case_only_are_an_error(problems_of, minimal):
    assert problems_of(minimal + "partners:\n  acme: {}\n  Acme: {}\n") == [
        "c.yaml:15: partners.Acme: differs from acme in letter case only, remove one"
    ]


def test_a_client_key_without_its_certificate_is_an_error(problems_of, minimal):
    partner = minimal + "partners:\n  acme:\n    client_key: key.pem\n"
    assert problems_of(partner) == [
        "c.yaml:15: partners.acme.client_key: is a key without a certificate, name it in client_certificate"
    ]
    assert problems_of(partner + "    client_certificate: certificate.pem\n") == []


def test_a_sound_configuration_has_no_warnings(minimal):
    assert warnings(minimal) == []


def test_development_is_a_warning(minimal):
    assert warnings(minimal + "development: true\n") == [
        "c.yaml:13: development: partners may use http and loopback addresses, never do so in production"
    ]


def test_a_wildcard_private_listener_without_private_url_is_a_warning(minimal):
    text = minimal + "listen:\n  private:\n    host: 0.0.0.0\n"
    assert warnings(text) == [
        (
            "c.yaml:15: listen.private.host: is a wildcard, so links for the backend start with http://127.0.0.1:8081, "
            "set private_url to the URL under which the backend reaches us"
        )
    ]
    assert warnings(text + "private_url: http://gateway:8081\n") == []


@pytest.mark.parametrize(
    ("name", "meant"), [("Locations", "locations"), ("tarifs", "tariffs"), ("session", "sessions")]
)
def test_a_module_that_resembles_one_of_ocpi_is_kept_with_a_warning(minimal, name, meant):
    assert warnings(minimal.replace("locations:", f"{name}:")) == [
        (
            f"c.yaml:12: backend.modules.{name}: is not a module of OCPI, but taken as one of your own, "
            f"did you mean '{meant}'?"
        )
    ]


def test_a_required_module_that_resembles_one_of_ocpi_is_a_warning(minimal):
    assert warnings(minimal + "required_modules: [tokens:SENDER, cdr]\n") == [
        "c.yaml:13: required_modules[1]: is not a module of OCPI, but taken as one of your own, did you mean 'cdrs'?"
    ]


def test_a_custom_module_is_no_warning(minimal):
    assert warnings(minimal + "    parking_bays: {role: SENDER}\n") == []


def test_a_short_egress_token_is_a_warning_outside_development_only(minimal):
    text = minimal.replace("0123456789abcdef", "short")
    assert warnings(text) == ["c.yaml:10: backend.egress_token: is shorter than 16 characters, make it longer"]
    assert [line for line in warnings(text + "development: true\n") if "egress_token" in line] == []


def test_a_backend_without_modules_is_a_warning(minimal):
    text = minimal.replace("\n    locations: {role: SENDER}", " {}")
    assert warnings(text) == ["c.yaml:11: backend.modules: is empty, so partners are offered nothing but credentials"]
