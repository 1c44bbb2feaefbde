"""Times that callers send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tertulia import times
from tertulia.errors import FieldError, Invalid

_DAY: Final = timedelta(days=1)


def moment(text: str, field: str) -> datetime:
    """A time in RFC 3339, to the millisecond; in UTC if it does not say where. Up to a day later is a time, too.

    Raises:
        Invalid: it is none. ``field`` names it.
    """
    try:
        given = datetime.fromisoformat(text)
        at = (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
        _ = at + _DAY
        return times.from_ms(times.to_ms(at))
    except (ValueError, OverflowError):
        raise Invalid([FieldError(field, "must be a time such as 2026-01-02T03:04:05Z (RFC 3339)")]) from None
