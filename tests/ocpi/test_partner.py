"""What a partner record can be asked, and that none of its tokens shows."""

import pytest

from gateway.ocpi.partner import CredentialsRole, Endpoint, Partner
from gateway.ocpi.party import Party
from gateway.ocpi.vocabulary import InterfaceRole, PartnerState

SENDER = Endpoint("locations", InterfaceRole.SENDER, "https://a.example/s")
RECEIVER = Endpoint("locations", InterfaceRole.RECEIVER, "https://a.example/r")
EITHER = Endpoint("locations", None, "https://a.example/e")


def partner(*endpoints, **fields):
    return Partner(id=1, name="acme", state=PartnerState.REGISTERED, revision=1, endpoints=endpoints, **fields)


@pytest.mark.parametrize(
    ("endpoints", "role", "found"),
    [
        ((EITHER, SENDER, RECEIVER), InterfaceRole.RECEIVER, RECEIVER),
        ((EITHER, SENDER, RECEIVER), InterfaceRole.SENDER, SENDER),
        ((EITHER, SENDER), InterfaceRole.RECEIVER, EITHER),
        ((SENDER, RECEIVER, EITHER), None, EITHER),
        ((SENDER, RECEIVER), None, SENDER),
        ((SENDER,), InterfaceRole.RECEIVER, None),
        ((), None, None),
    ],
)
def test_an_endpoint_that_names_the_wanted_side_goes_before_one_that_names_none(endpoints, role, found):
    assert partner(*endpoints).endpoint("locations", role) == found


def test_an_endpoint_of_another_module_serves_nothing():
    assert partner(SENDER).endpoint("sessions") is None


def test_parties_are_listed_once_in_the_order_presented():
    roles = tuple(
        CredentialsRole(role, Party.parse(name))
        for role, name in [("CPO", "NLBBB"), ("EMSP", "NLBBB"), ("CPO", "NLAAA")]
    )

    assert partner(roles=roles).parties == (Party("NL", "BBB"), Party("NL", "AAA"))


def test_no_outbound_token_is_in_a_repr():
    shown = repr(partner(outbound_token="the-secret-one", previous_outbound_token="the-secret-before"))

    assert "secret" not in shown


def test_an_interface_role_is_a_word_of_our_urls():
    assert [role.path_segment for role in InterfaceRole] == ["sender", "receiver"]
