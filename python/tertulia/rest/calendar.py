"""A meeting as a calendar file (RFC 5545): one event, which calendars of all makes import."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_LINE: Final = 75
"""Octets of a content line, without its end (section 3.1)."""
_TEXT: Final = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})
_CONTROL: Final = {code: None for code in (*range(0x20), 0x7F) if code not in (0x09, 0x0A)}
"""No text may hold them (section 3.1, CONTROL)."""


def calendar(uid: str, title: str, url: str, starts_at: datetime, minutes: int, made_at: datetime) -> str:
    """The file, for a meeting at the page ``url``. ``uid``: the same one updates the event in the calendar."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tertulia//Invites//EN",
        "BEGIN:VEVENT",
        f"UID:{_text(uid)}",
        f"DTSTAMP:{_moment(made_at)}",
        f"DTSTART:{_moment(starts_at)}",
        f"DTEND:{_moment(starts_at + timedelta(minutes=minutes))}",
        f"SUMMARY:{_text(title)}",
        f"DESCRIPTION:{_text(url)}",
        f"LOCATION:{_text(url)}",
        f"URL:{url}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(_folded(line) for line in lines)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """Section 3.3.11."""
    return value.translate(_CONTROL).translate(_TEXT)


def _folded(line: str) -> str:
    """The line, on as many as it needs (section 3.1); no character is cut in two."""
    pieces, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _LINE:
            pieces.append("")
            size = 1  # the space that a continued line begins with
        pieces[-1] += character
        size += octets
    return "\r\n ".join(pieces) + "\r\n"
