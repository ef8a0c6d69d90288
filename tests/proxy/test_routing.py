"""Who may speak for whom, as pure decisions."""

import pytest

from gateway.ocpi.partner import CredentialsRole
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import STANDARD_MODULES, InterfaceRole
from gateway.proxy import routing
from gateway.proxy.routing import End

CPO = CredentialsRole("CPO", Party("NL", "CPO"))
EMSP = CredentialsRole("EMSP", Party("NL", "EMS"))
NAP = CredentialsRole("NAP", Party("NL", "NAP"))
HUB = CredentialsRole("HUB", Party("NL", "HUB"))


@pytest.mark.parametrize(
    ("module", "sender"),
    [
        ("cdrs", CPO),
        ("locations", CPO),
        ("sessions", CPO),
        ("tariffs", CPO),
        ("chargingprofiles", EMSP),
        ("commands", EMSP),
        ("tokens", EMSP),
        ("hubclientinfo", HUB),
    ],
)
def test_each_module_is_sent_by_those_who_implement_its_sender_interface(module, sender):
    parties = (NAP, EMSP, CPO, HUB)
    assert routing.likeliest(parties, module, InterfaceRole.SENDER) == sender.party
    if module != "hubclientinfo":
        receiver = EMSP if sender is CPO else CPO
        assert routing.likeliest(parties, module, InterfaceRole.RECEIVER) == receiver.party


def test_the_very_first_party_speaks_where_none_fits():
    assert routing.likeliest((NAP, HUB), "locations", InterfaceRole.SENDER) == NAP.party
    assert routing.likeliest((NAP, HUB), "parking", InterfaceRole.SENDER) == NAP.party
    assert routing.likeliest((), "locations", InterfaceRole.SENDER) is None


def test_every_functional_module_of_the_specification_is_known():
    for module in STANDARD_MODULES - {"credentials"}:
        assert routing.likeliest((NAP, EMSP, CPO, HUB), module, InterfaceRole.SENDER) != NAP.party


@pytest.mark.parametrize(
    ("rest", "owner"),
    [
        ("", None),
        ("/", None),
        ("/LOC1", None),
        ("/NL/TNM", Party("NL", "TNM")),
        ("/nl/tnm/", Party("NL", "TNM")),
        ("/%4eL/TNM/LOC1/EVSE/1", Party("NL", "TNM")),
    ],
)
def test_the_owner_of_an_object_is_read_from_its_path(rest, owner):
    assert routing.owner_in(rest) == owner


@pytest.mark.parametrize("rest", ["/NL/", "/NLD/TNM", "/NL/T/1", "/a/b"])
def test_a_path_that_names_no_possible_owner_is_an_error(rest):
    with pytest.raises(ValueError, match=r"a (country code|party id) is"):
        routing.owner_in(rest)


def test_stated_parties_are_read_as_they_were_written():
    lines = []
    routing.state(lines, End.FROM, CPO.party)
    routing.state(lines, End.TO, None)
    assert lines == ["OCPI-from-country-code: NL", "OCPI-from-party-id: CPO"]
    headers = {name.lower(): value for name, value in (line.split(": ") for line in lines)}
    assert routing.stated(headers, End.FROM) == CPO.party
    assert routing.stated(headers, End.TO) is None


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("OCPI-to-country-code: nl", "NL-CPO"),
        ("OCPI-to-party-id: ems", "NL-EMS"),
        ("OCPI-to-party-id: CPO", "NL-CPO"),
    ],
)
def test_half_a_party_is_filled_in_from_those_that_may_be_meant(header, found):
    name, value = header.split(": ")
    party = routing.stated({name.lower(): value}, End.TO, (EMSP, CPO), module="locations", role=InterfaceRole.SENDER)
    assert str(party) == found


def test_half_a_party_that_nobody_has_is_an_error():
    with pytest.raises(ValueError, match="OCPI-to-party-id is missing"):
        routing.stated({"ocpi-to-country-code": "NL"}, End.TO)
