"""The rate limit of one connection: a token bucket (RFC 2697 in spirit) and how long it has been refusing. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

_CALM: Final = 1.0
"""Seconds without a refusal that end a run of refusals."""


SHARE: Final = 10
"""A call that everyone in the room hears of counts one more for each so many members."""
FAILED_JOIN: Final = 25
"""A JoinRoom that is refused counts as so many calls: guessing tokens is slow, a mistake is not."""
ANOTHER_JOIN: Final = 25
"""What a connection that takes a seat again counts beside the call: everybody is told twice, and SFU and Redis work."""
SDP_SHARE: Final = 4_000
"""SDP counts one more for so many characters: it goes through Redis to an SFU, or to somebody else."""
TO_ALL: Final = frozenset(
    (
        *("UpdateState", "SendChat", "ReactToMessage", "SendReaction", "RaiseHand", "SetRecordingOptOut", "MuteAll"),
        "SetDisplayName",
        *("StartRecording", "StopRecording"),
        *("ChangeSettings", "LowerHand", "Spotlight", "SetRole", "SetPermissions"),
    )
)
"""The calls that everyone in the room hears of."""
_WEIGHTS: Final[Mapping[str, int]] = {
    "SetView": 4,
    "StartRecording": 10,
    "StopRecording": 10,
    "ChangeSettings": 10,
    "SetDisplayName": 10,
    "ReadChat": 20,
}
"""What makes others work, is written to disk, or has a long answer."""


def cost_of(event: str, members: int) -> int:
    """How many calls a call of ``event`` counts as in a room of so many members."""
    weight = _WEIGHTS.get(event, 1)
    return weight + members // SHARE if event in TO_ALL else weight


class Verdict(enum.Enum):
    """What becomes of a call."""

    ADMIT = enum.auto()
    REFUSE = enum.auto()
    CLOSE = enum.auto()
    """It has been refused for too long."""


class Rate:
    """``now`` is in seconds and never runs backwards."""

    __slots__ = ("_at", "_calls", "_first_refusal", "_last_refusal")

    def __init__(self, burst: int, now: float) -> None:
        self._calls = float(burst)
        self._at = now
        self._first_refusal = self._last_refusal = -_CALM

    def call(self, now: float, per_second: float, burst: int, limited_for: float, cost: int = 1) -> Verdict:
        """A call that counts as ``cost``: ``burst`` at once, ``per_second`` in the long run; refused for
        ``limited_for`` seconds: closed. The last one may be overdrawn, so that none is too dear for any burst."""
        calls = self._calls + (now - self._at) * per_second
        self._at = now
        self._calls = calls if calls < burst else float(burst)
        if self._calls >= 1:
            self._calls -= cost
            return Verdict.ADMIT
        if now - self._last_refusal >= _CALM:
            self._first_refusal = now
        self._last_refusal = now
        return Verdict.CLOSE if now - self._first_refusal >= limited_for else Verdict.REFUSE

    def charge(self, cost: int) -> None:
        """Count ``cost`` more for a call that was admitted."""
        self._calls -= cost
