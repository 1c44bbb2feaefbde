"""The codes with which the hub closes a connection (RFC 6455, section 7.4; 4000 and up are ours)."""

from __future__ import annotations

from typing import Final, NamedTuple


class CloseReason(NamedTuple):
    """A close code and what it means."""

    code: int
    reason: str
    """At most 123 bytes: a close frame holds no more."""


ENDED: Final = CloseReason(4000, "the meeting is over")
REPLACED: Final = CloseReason(4001, "the same user joined from another connection")
REMOVED: Final = CloseReason(4003, "removed from the meeting")
NOT_JOINED: Final = CloseReason(4408, "no room was joined in time")
RATE_LIMITED: Final = CloseReason(1008, "too many calls for too long")
GOING_AWAY: Final = CloseReason(1012, "the server restarts: connect again and resume")
FAULT: Final = CloseReason(1011, "a fault of the server: connect again")
STUCK: Final = CloseReason(1013, "this client does not read what it is sent")
BINARY: Final = CloseReason(1003, "this dialect is JSON in text frames")
BAD_TEXT: Final = CloseReason(1007, "the text is not UTF-8")
TOO_BIG: Final = CloseReason(1009, "a message is at most 256 KiB")
TOO_BIG_YET: Final = CloseReason(1009, "before JoinRoom a message is at most 16 KiB")
PROTOCOL: Final = CloseReason(1002, "this is not the WebSocket protocol")
