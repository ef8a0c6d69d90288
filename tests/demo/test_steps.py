"""Which of the six steps an exchange belongs to."""

from gateway.demo.report import Phase, Sight
from gateway.demo.steps import step_of, steps_seen


def sight(phase, caller, method, path, credential):
    return Sight(caller, "other", method, path, credential, phase=phase)


HANDSHAKE = [
    sight(Phase.CALL, "S", "GET", "/ocpi/versions", "TOKEN_A x"),
    sight(Phase.ANSWER, "S", "GET", "/ocpi/versions", "TOKEN_A x"),
    sight(Phase.CALL, "S", "GET", "/ocpi/2.2.1", "TOKEN_A x"),
    sight(Phase.CALL, "S", "POST", "/ocpi/2.2.1/credentials", "TOKEN_A x"),
    sight(Phase.CALL, "R", "GET", "/versions", "TOKEN_B x"),
    sight(Phase.CALL, "R", "GET", "/2.2.1", "TOKEN_B x"),
    sight(Phase.ANSWER, "S", "POST", "/ocpi/2.2.1/credentials", "TOKEN_A x"),
]


def test_a_handshake_shows_steps_2_to_5_in_order():
    assert steps_seen(HANDSHAKE, sender="S") == [2, 3, 4, 5]


def test_a_step_that_the_wrong_end_takes_does_not_count():
    assert steps_seen(HANDSHAKE, sender="R") == []


def test_a_handshake_without_call_backs_lacks_step_4():
    assert steps_seen([one for one in HANDSHAKE if one.caller == "S"], sender="S") == [2, 3, 5]


def test_traffic_with_token_c_belongs_to_no_step_before_the_sixth():
    assert step_of(sight(Phase.CALL, "S", "GET", "/ocpi/2.2.1/sender/locations", "TOKEN_C x")) is None
