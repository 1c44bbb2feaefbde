"""Times: aware ``datetime`` in UTC with whole milliseconds inside, RFC 3339 text outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY: Final = timedelta(days=1)


def from_ms(ms: int) -> datetime:
    """The moment ``ms`` milliseconds after the Unix epoch."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the Unix epoch, rounded down."""
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000


def from_seconds(seconds: float) -> datetime:
    """The moment ``seconds`` (what ``time.time()`` returns) after the Unix epoch, to the millisecond."""
    return from_ms(int(seconds * 1000))


def rfc3339(moment: datetime) -> str:
    """``2026-01-02T03:04:05.678Z`` (RFC 3339, section 5.6)."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_rfc3339(text: str) -> datetime:
    """A time as others write it (RFC 3339, section 5.6), in either case, to the millisecond. Up to a day later is a
    time, too.

    Raises:
        ValueError: it is none.
    """
    try:
        moment = datetime.fromisoformat(text.upper() if _RFC3339.fullmatch(text.upper()) else "").astimezone(UTC)
        _ = moment + _DAY
        return from_ms(to_ms(moment))
    except (ValueError, OverflowError):
        raise ValueError("not a time in RFC 3339, or too early or too late a one") from None
