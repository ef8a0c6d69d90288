from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.durations import MAX_LIFETIME, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("60s", 60), ("5m", 300), ("24h", 86400), ("7d", 604800), ("2w", 1209600), ("90", 90), (" 1 h ", 3600), (30, 30)],
)
def test_a_duration_is_a_number_with_a_unit_or_seconds(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "s", "7 days", "1.5h", "-1d", "0", "0s", "99999999w", "3651d", "1d12h", "٣d"])
def test_other_durations_are_refused(text):
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)


@settings(deadline=None)  # the machine may be busy
@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=MAX_LIFETIME))
def test_a_duration_survives_writing_and_reading(duration):
    whole = timedelta(seconds=int(duration.total_seconds()))
    assert parse_duration(format_duration(whole)) == whole


def test_a_duration_is_written_in_its_largest_whole_unit():
    assert [format_duration(timedelta(hours=hours)) for hours in (1, 24, 25, 168)] == ["1h", "1d", "25h", "1w"]


def test_a_timedelta_is_taken_as_it_is_within_the_same_bounds():
    assert parse_duration(timedelta(hours=1)) == timedelta(hours=1)
    with pytest.raises(ValueError, match="longer than nothing"):
        parse_duration(timedelta(0))
