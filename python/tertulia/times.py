"""Times: aware ``datetime`` in UTC with whole milliseconds inside, RFC 3339 text outside."""

from __future__ import annotations

from datetime import UTC, datetime


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
