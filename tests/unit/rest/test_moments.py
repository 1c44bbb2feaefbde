"""Times that callers send."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tertulia.errors import Invalid
from tertulia.rest.moments import moment


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-01T09:30:00Z", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
        ("2026-12-01T09:30:00.123456+02:00", datetime(2026, 12, 1, 7, 30, 0, 123_000, tzinfo=UTC)),
        ("2026-12-01T09:30:00", datetime(2026, 12, 1, 9, 30, tzinfo=UTC)),
        ("1969-12-31T23:59:59.9999Z", datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_a_time_is_in_utc_to_the_millisecond(text: str, at: datetime) -> None:
    assert moment(text, "scheduledFor") == at


@pytest.mark.parametrize(
    "text", ["tomorrow", "", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00Z", "2026-13"]
)
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        moment(text, "scheduledFor")
    assert [error.field for error in refused.value.errors] == ["scheduledFor"]
