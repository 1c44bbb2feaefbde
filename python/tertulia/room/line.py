"""The calls of one connection: one at a time, in the order sent, those behind a slow one bounded. Pure.

::

    Idle ⇄ Busy ──the client is gone──▶ Draining ──▶ Gone
      └────┴──let go──▶ Closing ─────────────────────▶ Gone

What a client had sent before it was gone is still carried out (*Draining*); what it sends after it was let go is not.
"""

from __future__ import annotations

import enum
import json
from collections import deque
from typing import Any, Final

import msgspec
from msgspec import Struct

from tertulia.room.closing import CloseReason
from tertulia.room.events import Event

MAX_WAITING_CALLS: Final = 500
"""Calls that wait for an earlier one of the same connection: the rate limit's burst."""
MAX_WAITING_BYTES: Final = 1024 * 1024
"""Of text in them. Both bounds are refused as ``rate_limited``."""


class Farewell(Struct, frozen=True):
    """A last word, and how to close."""

    event: Event
    close: CloseReason


class Overdue(Struct, frozen=True):
    """The time to join was over while a call was under way."""


class Call(Struct, frozen=True):
    """A call as it came; ``id`` is the transport's. ``is_counted``: by the rate limit, for what it is; else only as a
    message, since it came before the seat."""

    id: Any
    event: str
    payload: object
    is_counted: bool = True


class Departed(Struct, frozen=True):
    """The client is gone, and all its calls were answered. ``clean``: it said goodbye."""

    clean: bool


class _State(enum.Enum):
    IDLE = enum.auto()
    """No call is under way."""
    BUSY = enum.auto()
    DRAINING_CLEAN = enum.auto()
    """The client has said goodbye; a call is under way."""
    DRAINING_LOST = enum.auto()
    """The client is gone without a word; a call is under way."""
    CLOSING = enum.auto()
    """The client was let go, and is not gone yet."""
    GONE = enum.auto()
    """The client is gone, and nothing is under way."""


_IDLE: Final = _State.IDLE
_BUSY: Final = _State.BUSY


class Taken(enum.Enum):
    """What became of a call."""

    RUN = enum.auto()
    """It is under way: carry it out."""
    WAITS = enum.auto()
    TOO_MANY = enum.auto()
    """Too many wait already: refuse it."""
    IGNORED = enum.auto()
    """The client was let go."""


class Line:
    """Who carries out a call says :meth:`done` once it is answered, and does what that returns."""

    __slots__ = ("_bytes", "_state", "_then", "_waiting", "under_way")

    def __init__(self) -> None:
        self._state = _IDLE
        self._then: Farewell | Overdue | None = None
        """While busy: what follows the answer."""
        self._waiting: deque[tuple[Call, int]] = deque()
        self._bytes = 0
        self.under_way: Call | None = None
        """The call that is to be answered now; to be read only."""

    def is_idle(self) -> bool:
        """Whether a call may be carried out at once. One that is answered at once need not be taken."""
        return self._state is _IDLE

    def take(self, call: Call) -> Taken:
        """A call came."""
        if self._state is _IDLE:
            self._state = _BUSY
            self.under_way = call
            return Taken.RUN
        if self._state is not _BUSY:
            return Taken.IGNORED
        size = len(call.event) + len(text_of(call))
        if len(self._waiting) >= MAX_WAITING_CALLS or self._bytes + size > MAX_WAITING_BYTES:
            return Taken.TOO_MANY
        self._waiting.append((call, size))
        self._bytes += size
        return Taken.WAITS

    def done(self) -> Call | Farewell | Overdue | Departed | None:
        """The call under way was answered. What follows: the next one to carry out, which is under way now; a last
        word; the deadline to join, which was held up; the end."""
        self.under_way = None
        state, then = self._state, self._then
        if isinstance(then, Farewell):
            self._state, self._then = _State.CLOSING, None
            self._waiting.clear()
            self._bytes = 0
            return then
        if self._waiting:
            self.under_way, size = self._waiting.popleft()
            self._bytes -= size
            return self.under_way
        if state is _BUSY:
            self._state, self._then = _IDLE, None
            return then
        self._state = _State.GONE
        return Departed(clean=state is _State.DRAINING_CLEAN)

    def let_go(self, farewell: Farewell) -> bool:
        """Say a last word and close: at once (True), behind the answer to the call under way, or never (the client is
        gone)."""
        if self._state is _IDLE:
            self._state = _State.CLOSING
            return True
        if self._state is _BUSY:
            self._then = farewell
        return False

    def too_late(self) -> bool:
        """The time to join is over: close at once (True), or see after the call under way."""
        if self._state is _BUSY and self._then is None:
            self._then = Overdue()
        return self._state is _IDLE

    def in_time(self) -> None:
        """It has joined: no deadline any more."""
        if isinstance(self._then, Overdue):
            self._then = None

    def gone(self, clean: bool) -> bool:
        """The client is gone: at once (True), or once the calls that came before are answered."""
        if self._state is _BUSY:
            self._state = _State.DRAINING_CLEAN if clean else _State.DRAINING_LOST
            self._then = None
            return False
        self._state = _State.GONE
        return True


def text_of(call: Call) -> str:
    """Its payload as JSON. By Python's own encoder: msgspec's takes no lone surrogates, which are refused later."""
    return json.dumps(call.payload, ensure_ascii=False, default=msgspec.to_builtins)
