"""So much a second: a steady rate, a burst, and memory that a flood of keys can't fill."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.net.quota import Quota


class Watch:
    """A monotonic clock of the test."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def watch():
    return Watch()


def test_a_burst_is_allowed_and_then_only_the_rate(watch):
    quota = Quota(2, burst=3, monotonic=watch)
    assert [quota.take("a") for _ in range(4)] == [0, 0, 0, 0.5]

    watch.now += 0.5
    assert [quota.take("a"), quota.take("a")] == [0, 0.5]


def test_what_was_refused_is_not_counted(watch):
    quota = Quota(1, burst=1, monotonic=watch)
    quota.take("a")
    for _ in range(100):
        quota.take("a")

    watch.now += 1
    assert quota.take("a") == 0


def test_keys_do_not_share(watch):
    quota = Quota(1, burst=1, monotonic=watch)
    quota.take("a")

    assert quota.take("b") == 0
    assert quota.take("a") == 1


def test_looking_takes_nothing(watch):
    quota = Quota(1, burst=1, monotonic=watch)
    assert quota.has_room("a")
    assert quota.take("a") == 0
    assert not quota.has_room("a")

    watch.now += 1
    assert quota.has_room("a")


def test_a_flood_of_keys_is_forgotten_the_longest_unseen_first(watch):
    quota = Quota(1, burst=1, monotonic=watch, most_keys=2)
    for key in "abac":
        quota.take(key)

    assert len(quota._due) == 2
    assert quota.take("a") == 1, "it was seen lately"
    assert quota.take("b") == 0


@given(st.floats(0.1, 100), st.floats(1, 50), st.lists(st.floats(0, 2), max_size=200))
def test_never_more_than_the_burst_and_the_rate_pass(per_second, burst, pauses):
    watch = Watch()
    quota = Quota(per_second, burst=burst, monotonic=watch)
    passed, began = 0, watch.now
    for pause in pauses:
        watch.now += pause
        passed += quota.take("a") == 0
        assert passed <= burst + (watch.now - began) * per_second + 1e-6
