from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia import times


@given(st.integers(0, 4_000_000_000_000))
def test_milliseconds_survive(ms: int) -> None:
    assert times.to_ms(times.from_ms(ms)) == ms


def test_text_is_utc_with_milliseconds() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678900, timezone(timedelta(hours=2)))
    assert times.rfc3339(moment) == "2026-01-02T01:04:05.678Z"
    assert times.rfc3339(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01T09:30:00Z", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
        ("2026-12-01t09:30:00.5z", datetime(2026, 12, 1, 9, 30, 0, 500_000, tzinfo=UTC)),
        ("2026-12-01T09:30:00.123456789+02:00", datetime(2026, 12, 1, 7, 30, 0, 123_000, tzinfo=UTC)),
        ("1969-12-31T23:59:59.9999Z", datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_to_the_millisecond(text: str, at: datetime) -> None:
    assert times.from_rfc3339(text) == at


@pytest.mark.parametrize(
    "text",
    [
        *("tomorrow", "", "2026-13", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00Z"),
        *("2026-12-01", "20261201T093000Z", "2026-12-01T09:30Z", "2026-12-01T09:30:00", "2026-12-01 09:30:00Z"),
        *("2026-W49-2T09:30:00Z", "2026-12-01T09:30:00+0200", "2026-12-01T09:30:00,5Z", "2026-12-01T09:30:00Z\n"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        times.from_rfc3339(text)
