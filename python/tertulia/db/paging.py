"""Pages of lists, the newest first, and the cursors that lead from one to the next."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from tertulia import times
from tertulia.db.models import Room
from tertulia.errors import FieldError, Invalid


class Position(NamedTuple):
    """A place in a list: behind what is of that moment and has that id."""

    at: datetime
    id: str


class Page(NamedTuple):
    """Some rooms, the newest first, and the cursor of the next page; None: this is the last one."""

    rooms: list[Room]
    next: str | None


def cursor_of(position: Position) -> str:
    """The cursor of a page that goes on there."""
    return base64.urlsafe_b64encode(f"{times.to_ms(position.at)}:{position.id}".encode()).decode().rstrip("=")


def behind(position: Position, at: sa.ColumnElement[datetime], row_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """The condition of the rows that follow."""
    return sa.or_(at < position.at, sa.and_(at == position.at, row_id < position.id))


def read_cursor(cursor: str) -> Position:
    """The place to which a cursor points.

    Raises:
        Invalid: it is no cursor of a page.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        ms, _, row_id = text.partition(":")
        return Position(times.from_ms(int(ms)), str(uuid.UUID(row_id)))
    except (ValueError, OverflowError, OSError):
        raise Invalid([FieldError("cursor", "must be the `next` of an earlier page")]) from None
