import pytest


def test_an_unknown_key_gets_the_line_the_path_and_a_suggestion(problems_of, minimal):
    text = minimal.replace("{role: SENDER}", "{rol: SENDER, role: SENDER}")
    assert problems_of(text) == ["c.yaml:12: backend.modules.locations.rol: unknown key, did you mean 'role'?"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("requiredModules: []", "requiredModules: unknown key, did you mean 'required_modules'?"),
        ("data-base: x", "data-base: unknown key, did you mean 'database'?"),
        ("egress_token: x", "egress_token: unknown key, did you mean 'backend.egress_token'?"),
        ("log: {colour: true}", "log.colour: unknown key, known here: level, format"),
        ("listen: {admin: {tls: {}}}", "listen.admin.tls: unknown key, did you mean 'listen.public.tls'?"),
        ("zzz: 1", "zzz: unknown key"),
        ("<<: {log: {level: info}}", "<<: unknown key"),
    ],
)
def test_an_unknown_key_suggests_what_was_probably_meant(problems_of, minimal, line, expected):
    assert problems_of(minimal + line + "\n") == [f"c.yaml:13: {expected}"]


def test_a_missing_key_says_what_it_is_for_at_the_line_of_its_section(problems_of, minimal):
    assert problems_of(minimal.replace("  url: http://legacy:9000/ocpi\n", "")) == [
        "c.yaml:7: backend.url: missing, add it: Where authenticated partner traffic goes; http or https"
    ]


def test_a_missing_section_says_what_it_is_for(problems_of, minimal):
    text = minimal[: minimal.index("backend:")]
    assert problems_of(text) == ["c.yaml:1: backend: missing, add it: The legacy system behind the gateway"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("development: perhaps", "development: must be true or false"),
        ("development: [true]", "development: must be true or false"),
        ("refresh_seconds: soon", "refresh_seconds: must be a number"),
        ("refresh_seconds: 0", "refresh_seconds: must be greater than 0"),
        ("refresh_seconds: .inf", "refresh_seconds: must be a number"),
        ("refresh_seconds: nan", "refresh_seconds: must be a finite number"),
        ("listen: {public: {port: http}}", "listen.public.port: must be a whole number"),
        ("listen: {public: {port: 70000}}", "listen.public.port: must be at most 65535"),
        ("listen: {public: {port: -1}}", "listen.public.port: must be at least 0"),
        ("listen: {public: 8080}", "listen.public: must be a mapping of keys"),
        ("listen: []", "listen: must be a mapping of keys"),
        ("partners: [acme]", "partners: must be a mapping of names to settings"),
        ("partners: {acme: }", "partners.acme: has no value, it must be a mapping of keys"),
        ("versions: 2.2.1", "versions: must be a list"),
        ("versions: []", "versions: must have at least 1 item"),
        ("versions: [2.1.1]", "versions[0]: must be one of: 2.2.1, 2.2"),
        ("versions: [2.2.1, ]", None),
        ("versions: [2.2.1, ~]", "versions[1]: has no value, it must be one of: 2.2.1, 2.2"),
        ("log: {level: warn}", "log.level: must be one of: debug, info, warning, error, did you mean 'warning'?"),
        ("log: {level: loud}", "log.level: must be one of: debug, info, warning, error"),
        ("log: {format: {}}", "log.format: must be one of: auto, console, json"),
        ("tokens: {grace_seconds: 86401}", "tokens.grace_seconds: must be at most 86400"),
        ("outbound: {ca_file: [a]}", "outbound.ca_file: must be a file name"),
        ("private_url: {}", "private_url: must be a text"),
        ("private_url: gateway", "private_url: does not start with https:// or http://"),
        (
            "required_modules: [tokens:SENDR]",
            (
                "required_modules[0]: must be: What a partner must offer, as `module` or `module:ROLE`; "
                "it is answered 3003 otherwise"
            ),
        ),
        (
            "partners: {acme: {credentials_http_status: 204}}",
            "partners.acme.credentials_http_status: must be 200 or 201",
        ),
        (
            "partners: {acme: {token_form: Plain}}",
            "partners.acme.token_form: must be one of: auto, base64, plain, did you mean 'plain'?",
        ),
        (
            "partners: {a/b: {}}",
            "partners.a/b: is not a usable name: only letters, digits, '-', '_', and '.' in a partner's",
        ),
        ("egress: {allow: [{cidr: 10.0.0.0/8, ports: [0]}]}", "egress.allow[0].ports[0]: must be at least 1"),
        (
            "egress: {allow: [{hosts: [a.example]}]}",
            "egress.allow[0].cidr: missing, add it: Network that may be called",
        ),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(problems_of, minimal, lines, expected):
    assert problems_of(minimal + lines + "\n") == ([f"c.yaml:13: {expected}"] if expected else [])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "{role: SENDER}",
            "{role: sender}",
            "12: backend.modules.locations.role: must be one of: SENDER, RECEIVER, did you mean 'SENDER'?",
        ),
        ("{role: SENDER}", "{role: []}", "12: backend.modules.locations.role: must have at least 1 item"),
        ("{role: SENDER}", "", "12: backend.modules.locations: has no value, it must be a mapping of keys"),
        ("{role: SENDER}", "SENDER", "12: backend.modules.locations: must be a mapping of keys"),
        ("locations:", "credentials:", "12: backend.modules.credentials: is answered by the gateway itself: remove it"),
        ("locations:", "Versions:", "12: backend.modules.Versions: is answered by the gateway itself: remove it"),
        (
            "role: CPO",
            "role: EMPS",
            "3: parties[0].role: must be one of: CPO, EMSP, HUB, NAP, NSP, OTHER, SCSP, did you mean 'EMSP'?",
        ),
        ("NL", "NLD", "4: parties[0].country_code: must be: ISO 3166-1 alpha-2 country code, two letters"),
        ("EXA", "E-X", "5: parties[0].party_id: must be: Party id within that country, three letters or digits"),
        ("Example Charging", "''", "6: parties[0].business_details.name: must have at least 1 character"),
        ("Example Charging", "x" * 101, "6: parties[0].business_details.name: must have at most 100 characters"),
        ("http://legacy:9000/ocpi", "http://legacy/?a=1", "8: backend.url: must not have a query"),
        ("http://legacy:9000/ocpi", "http://u:p@legacy", "8: backend.url: holds a user name"),
        ("https://ocpi.example.com", "https://ocpi.example.com#x", "1: public_url: holds a fragment"),
        (
            "https://ocpi.example.com",
            f"https://ocpi.example.com/{'x' * 200}",
            "1: public_url: must have at most 200 characters",
        ),
    ],
)
def test_a_wrong_value_is_told_at_its_line(problems_of, minimal, old, new, expected):
    assert problems_of(minimal.replace(old, new, 1)) == [f"c.yaml:{expected}"]


def test_a_list_of_wrong_entries_is_not_called_too_short_as_well(problems_of, minimal):
    assert problems_of(minimal + "versions: [2.3.0]\n") == ["c.yaml:13: versions[0]: must be one of: 2.2.1, 2.2"]
