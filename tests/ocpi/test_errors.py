"""The error tree: whose fault, what happened, what to do."""

import pytest

from gateway.ocpi.envelope import Answer, StatusCode
from gateway.ocpi.errors import BackendError, Fault, GatewayError, InternalError, OperatorError, PartnerError
from gateway.ocpi.refusal import RefusedError


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (PartnerError, Fault.PARTNER),
        (BackendError, Fault.BACKEND),
        (OperatorError, Fault.OPERATOR),
        (InternalError, Fault.GATEWAY),
        (GatewayError, Fault.GATEWAY),
    ],
)
def test_the_class_says_whose_fault_it_is(kind, fault):
    assert kind("it broke").fault is fault


def test_an_error_reads_as_what_happened_and_what_to_do():
    assert str(PartnerError("it broke", remedy="Mend it")) == "it broke. Mend it"
    assert str(PartnerError("it broke")) == "it broke"


def test_a_refusal_carries_its_answer_and_tells_the_log_more_than_the_sender():
    answer = Answer(404, StatusCode.CLIENT_ERROR, "unknown path")

    refused = RefusedError(answer, fault=Fault.PARTNER, reason="path of an older release")

    assert (refused.answer, refused.fault, str(refused)) == (answer, Fault.PARTNER, "path of an older release")
    assert str(RefusedError(answer, fault=Fault.BACKEND)) == "unknown path"
