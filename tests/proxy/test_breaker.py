"""When another side counts as gone, and how it is found again."""

import pytest

from gateway.ocpi.flow import FetchCause
from gateway.proxy.breaker import Breaker, Breakers


class Side:
    """A breaker with a clock of the test."""

    def __init__(self, failures=3, pause_seconds=0.5):
        self.now, self.told = 100.0, []
        self.breaker = Breaker(
            failures=failures,
            pause_seconds=pause_seconds,
            on_gone=lambda: self.told.append("gone"),
            on_back=lambda: self.told.append("back"),
            monotonic=lambda: self.now,
        )

    def fails(self, times, cause=FetchCause.REFUSED):
        for _ in range(times):
            self.breaker.failed(cause)


@pytest.fixture
def gone():
    side = Side()
    side.fails(3)
    return side


def test_it_is_gone_after_so_many_failures_in_a_row():
    side = Side()
    side.fails(2)
    assert side.breaker.admits()
    side.fails(1)

    assert not side.breaker.admits()
    assert side.told == ["gone"]


def test_an_answer_in_between_begins_the_count_anew():
    side = Side()
    for _ in range(5):
        side.fails(2)
        side.breaker.answered()

    assert side.breaker.admits()
    assert side.told == []


def test_one_request_passes_in_each_pause(gone):
    assert [gone.breaker.admits() for _ in range(3)] == [False, False, False]
    gone.now += 0.5
    assert [gone.breaker.admits() for _ in range(3)] == [True, False, False]
    gone.now += 0.5
    assert gone.breaker.admits(), "also where the one before still waits for its time-out"


def test_a_failed_try_leaves_it_gone_and_is_not_told_again(gone):
    gone.now += 0.5
    assert gone.breaker.admits()
    gone.fails(1)

    assert not gone.breaker.admits()
    assert gone.told == ["gone"]


def test_the_first_answer_brings_it_back_for_everybody(gone):
    gone.now += 0.5
    assert gone.breaker.admits()
    gone.breaker.answered()

    assert [gone.breaker.admits() for _ in range(3)] == [True, True, True]
    assert gone.told == ["gone", "back"]


@pytest.mark.parametrize("cause", FetchCause)
def test_who_answers_rubbish_or_is_not_to_be_called_is_not_gone(cause):
    side = Side()
    side.fails(3, cause)

    gone = cause in {FetchCause.DNS, FetchCause.REFUSED, FetchCause.TIMEOUT, FetchCause.TLS}
    assert side.breaker.is_open is gone


def test_without_a_number_of_failures_everybody_may_always_try():
    side = Side(failures=0)
    side.fails(100)

    assert side.breaker.admits()


def test_each_partner_has_its_own():
    told = []
    breakers = Breakers(failures=1, pause_seconds=1, on_gone=told.append, on_back=told.append, monotonic=lambda: 0.0)
    breakers.of("acme").failed(FetchCause.REFUSED)

    assert not breakers.of("acme").admits()
    assert breakers.of("other").admits()
    assert told == ["acme"]
