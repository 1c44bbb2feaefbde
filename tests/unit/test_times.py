from datetime import UTC, datetime, timedelta, timezone

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
