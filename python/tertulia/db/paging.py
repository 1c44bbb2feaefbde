"""Pages of a list of rooms, and the cursors that lead from one to the next."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime
from typing import NamedTuple

from tertulia import times
from tertulia.db.models import Room
from tertulia.errors import FieldError, Invalid


class Position(NamedTuple):
    """A place in the list of rooms."""

    created_at: datetime
    room_id: str


class Page(NamedTuple):
    """Some rooms, the newest first, and the cursor of the next page; None: this is the last one."""

    rooms: list[Room]
    next: str | None


def cursor_of(room: Room) -> str:
    """The cursor of a page that goes on after ``room``."""
    return base64.urlsafe_b64encode(f"{times.to_ms(room.created_at)}:{room.id}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Position:
    """The place to which a cursor points.

    Raises:
        Invalid: it is no cursor of a page.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        ms, _, room_id = text.partition(":")
        return Position(times.from_ms(int(ms)), str(uuid.UUID(room_id)))
    except (ValueError, OverflowError, OSError):
        raise Invalid([FieldError("cursor", "must be the `next` of an earlier page")]) from None
