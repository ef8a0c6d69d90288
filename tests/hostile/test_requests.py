"""Hostile requests over raw sockets: hardening.md, rows R, P, H, D and T.

Each has a valid token, so that nothing but the stated fault can refuse it. None reaches the backend, not even in part,
but those whose outcome says how; none gets a second answer; the gateway lives on.
"""

import pytest

from tests.hostile.behind import TABLES, matches, outcome_behind
from tests.hostile.client import Line
from tests.hostile.fronts import FRONTS
from tests.hostile.requests import CASES
from tests.hostile.verdict import check_answers, check_arrivals, converse, is_probed, probe, settled


def check(case, outcome, port, stage, *, fronted=False):
    stage.forget()
    with Line(port) as line:
        answers = converse(line, case, stage, outcome)
    outcome = settled(outcome, answers)
    with Line(port) as line:
        line.send(probe(stage))
        assert is_probed(line.answer()), "the gateway must live on"
    check_answers(answers, outcome, stage, fronted=fronted)
    check_arrivals(stage.backend, outcome)
    assert not stage.partner.received
    assert not [entry for entry in stage.log if entry["event"] == "request_crashed"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_hostile_request_does_no_harm(stage, case):
    check(case, case.outcome, stage.public_port, stage)


@pytest.mark.parametrize("front", FRONTS)
def test_every_row_about_a_front_is_about_a_case(front):
    patterns = [pattern for _, patterns in TABLES[front] for pattern in patterns]
    assert not [each for each in patterns if not any(matches(each, case) for case in CASES)]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_hostile_request_does_no_harm_behind(front_port, stage, front, case):
    check(case, outcome_behind(front, case), front_port(front), stage, fronted=True)
