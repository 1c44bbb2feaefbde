"""Calendar files (RFC 5545)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from tertulia.rest.calendar import calendar

URL = "https://meet.example.org/m/abcd-efgh-jkmn"
MADE = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)


def of(title: str, starts_at: datetime = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)) -> str:
    return calendar("an-id", title, URL, starts_at, 90, MADE)


def test_a_meeting() -> None:
    assert of("Weekly").split("\r\n") == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tertulia//Invites//EN",
        "BEGIN:VEVENT",
        "UID:an-id",
        "DTSTAMP:20261129T080000Z",
        "DTSTART:20261231T233000Z",
        "DTEND:20270101T010000Z",
        "SUMMARY:Weekly",
        f"DESCRIPTION:{URL}",
        f"LOCATION:{URL}",
        f"URL:{URL}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]


def test_times_are_in_utc_whatever_the_zone() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    assert "DTSTART:20261231T233000Z" in of("Weekly", datetime(2027, 1, 1, 5, 0, tzinfo=zone))


def test_a_title_cannot_add_lines() -> None:
    text = of("a;b,c\\d\r\nEND:VCALENDAR\x00\x07\x7f\n\te")
    assert "SUMMARY:a\\;b\\,c\\\\d\\nEND:VCALENDAR\\n\te\r\n" in text
    assert text.count("\r\nEND:VCALENDAR\r\n") == 1


def test_long_lines_are_folded_between_characters() -> None:
    title = "Überprüfung 🎈" * 20
    lines = of(title).split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    unfolded = of(title).replace("\r\n ", "")
    assert f"SUMMARY:{title}\r\n" in unfolded
