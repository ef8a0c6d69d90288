"""What the configuration means for traffic, worked out once."""

import pytest

from gateway.config import load_text
from gateway.ocpi.partner import Endpoint, Invitation, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState
from gateway.proxy.offer import Offer

CONFIGURATION = """
public_url: https://gateway.test
parties:
  - {{role: CPO, country_code: NL, party_id: EXA, business_details: {{name: Example}}}}
backend:
  url: {backend}
  authorization: Token for-everybody
  egress_token: 0123456789abcdef
  modules:
    Locations: {{role: SENDER}}
    cdrs: {{role: [SENDER, RECEIVER], path: /v2/cdrs/}}
    root: {{role: SENDER, path: /}}
partners:
  Acme: {{backend_authorization: Token for-acme, allowed_hosts: [More.Acme.test]}}
  hub: {{ownership_check: relaxed}}
"""


def offer_of(backend="http://Legacy.internal:9000/ocpi"):
    return Offer(load_text(CONFIGURATION.format(backend=backend), source="test", environ={}).config)


def partner(name, **known):
    return Partner(id=1, name=name, state=PartnerState.REGISTERED, revision=1, **known)


def test_modules_lie_below_the_path_of_the_backend():
    assert offer_of().paths == {
        ("locations", InterfaceRole.SENDER): "/ocpi/Locations",
        ("cdrs", InterfaceRole.SENDER): "/ocpi/v2/cdrs",
        ("cdrs", InterfaceRole.RECEIVER): "/ocpi/v2/cdrs",
        ("root", InterfaceRole.SENDER): "/ocpi",
    }


@pytest.mark.parametrize(
    ("backend", "origin", "told"),
    [
        ("http://Legacy.internal:9000/ocpi", "http://Legacy.internal:9000", "see http://legacy.internal/x"),
        ("http://legacy:9000", "http://legacy:9000", "node legacy:9000"),
        ("https://legacy", "https://legacy", "https://legacy/x"),
        ("http://[fd00::1]:9000/ocpi", "http://[fd00::1]:9000", "http://[fd00::1]/x"),
        ("http://Legacy.internal:9000", "http://Legacy.internal:9000", "node legacy.internal"),
        ("http://192.0.2.7:9000", "http://192.0.2.7:9000", "upstream=192.0.2.7"),
        ("http://legacy:9000", "http://legacy:9000", "X 10.1.2.3:80"),
        ("http://legacy:9000", "http://legacy:9000", "172.16.0.1"),
        ("http://legacy:9000", "http://legacy:9000", "for-everybody"),
    ],
)
def test_the_origin_of_the_backend_is_known_and_what_gives_it_away(backend, origin, told):
    offer = offer_of(backend)
    assert offer.origin == origin
    secrets = offer.habits(partner("anybody")).secrets
    assert secrets.are_in(told)
    for harmless in (
        "legacy mode: 9000",
        "version 10.1.2",
        "2.10.1.2.3",
        "110.1.2.3",
        "8.8.8.8",
        "legacy.internal.example",
    ):
        assert not secrets.are_in(harmless)


def test_only_our_parties_are_ours():
    assert offer_of().is_ours(Party("nl", "exa"))
    assert not offer_of().is_ours(Party("DE", "EXA"))


def test_settings_of_a_partner_are_found_in_any_letter_case():
    offer = offer_of()
    assert offer.habits(partner("acme")).backend_authorization == "Token for-acme"
    assert offer.habits(partner("ACME")).owns_strictly
    assert not offer.habits(partner("hub")).owns_strictly
    assert offer.habits(partner("hub")).backend_authorization == "Token for-everybody"
    assert offer.habits(partner("other")).backend_authorization == "Token for-everybody"


def test_no_secret_shows_in_the_representation_of_settings():
    assert "for-acme" not in repr(offer_of().habits(partner("acme")))


def test_the_hosts_of_a_partner_are_those_it_showed_and_those_the_operator_named():
    acme = partner(
        "acme",
        versions_url="https://Front.acme.test:8443/versions",
        endpoints=(Endpoint("cdrs", InterfaceRole.SENDER, "https://cdrs.acme.test/2.2.1/cdrs"),),
        invitation=Invitation(hosts=frozenset({"invited.acme.test"})),
    )
    assert offer_of().hosts(acme) == {"front.acme.test", "cdrs.acme.test", "invited.acme.test", "more.acme.test"}
    assert offer_of().hosts(partner("other")) == frozenset()
