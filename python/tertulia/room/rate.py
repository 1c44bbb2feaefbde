"""The rate limit of calls: a token bucket (RFC 2697 in spirit) and how long it has been refusing. Pure.

A connection has a bucket of its own until it has a seat, and from then on that of its user in the room, which outlives
connections: nobody gets more by connecting again.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from tertulia.ids import RoomId, UserId

_CALM: Final = 1.0
"""Seconds without a refusal that end a run of refusals."""


SHARE: Final = 10
"""A call that everyone in the room hears of counts one more for each so many members."""
STATE_SHARE: Final = 50
"""So does one that says how its caller is now: its events are small, newer ones take the place of those that wait, and
people use it again and again, in the largest rooms too."""
KEEP_ALIVES: Final = (1.0, 5)
"""KeepAlives a second, and at once, that are admitted whatever else was called: no other call costs anybody their seat.
The interval is a second at least."""
FAILED_JOIN: Final = 25
"""A JoinRoom that is refused counts as so many calls: guessing tokens is slow, a mistake is not."""
ANOTHER_JOIN: Final = 25
"""What a seat that is taken again counts beside the call, and what :func:`cost_of_seat` adds: SFU and Redis work."""
BYTES_SHARE: Final = 4_000
"""A message counts one more for so many bytes: they are parsed, and SDP goes through Redis to an SFU or to somebody
else."""
PARTS_SHARE: Final = 100
"""It counts another one for so many lists and objects, and values in them: each becomes an object of Python's."""
MOST_USERS: Final = 50_000
"""Users without a connection who are remembered, in some 20 MB. The one gone for longest is forgotten."""
MOST_CONNECTIONS: Final = 20
"""Of one user in a room, at one web worker: those that have left the room are bounded by nothing else."""
TO_ALL: Final = frozenset(
    (
        *("UpdateState", "SendChat", "ReactToMessage", "SendReaction", "RaiseHand", "SetRecordingOptOut", "MuteAll"),
        "SetDisplayName",
        *("StartRecording", "StopRecording"),
        *("ChangeSettings", "LowerHand", "Spotlight", "SetRole", "SetPermissions"),
        "LeaveRoom",
    )
)
"""The calls that everyone in the room hears of."""
_STATES: Final = frozenset(("UpdateState", "RaiseHand"))
"""Those of them that say how their caller is now."""
_WEIGHTS: Final[Mapping[str, int]] = {
    "RaiseHand": 20,
    "SetView": 4,
    "StartRecording": 10,
    "StopRecording": 10,
    "ChangeSettings": 10,
    "SetDisplayName": 10,
    "ReadChat": 20,
}
"""What makes others work, is written to disk, or has a long answer. A hand is both a script of Redis and an event for
everyone; nobody raises one five times a second."""


def cost_of(event: str, members: int) -> int:
    """How many calls a call of ``event`` counts as in a room of so many members."""
    weight = _WEIGHTS.get(event, 1)
    if event not in TO_ALL:
        return weight
    return weight + members // (STATE_SHARE if event in _STATES else SHARE)


def cost_of_seat(members: int) -> int:
    """How many calls it counts as to take a seat again in a room of so many members, beside the JoinRoom: they are all
    in its result, and they are all told."""
    return ANOTHER_JOIN + 2 * members // SHARE


def cost_of_bytes(size: int) -> int:
    """How many calls a message of so many bytes counts as, whatever is in it."""
    return 1 + size // BYTES_SHARE


def cost_of_parts(parts: int) -> int:
    """How many calls more a message counts as that may have so many lists and objects, and values in them."""
    return parts // PARTS_SHARE


class Verdict(enum.Enum):
    """What becomes of a call."""

    ADMIT = enum.auto()
    REFUSE = enum.auto()
    CLOSE = enum.auto()
    """It has been refused for too long."""


class Rate:
    """``now`` is in seconds and never runs backwards."""

    __slots__ = (
        "_at",
        "_burst",
        "_calls",
        "_first_refusal",
        "_keep_alives",
        "_last_refusal",
        "_limited_for",
        "_per_second",
    )

    def __init__(self, now: float, per_second: float, burst: int, limited_for: float) -> None:
        """``burst`` calls at once, ``per_second`` in the long run; refused for ``limited_for`` seconds: closed."""
        self._per_second = per_second
        self._burst = float(burst)
        self._limited_for = limited_for
        self._calls = float(burst)
        self._keep_alives: float = KEEP_ALIVES[1]
        self._at = now
        self._first_refusal = self._last_refusal = -_CALM

    def call(self, now: float, cost: int = 1) -> Verdict:
        """A call that counts as ``cost``. The last one may be overdrawn, so that none is too dear for any burst."""
        self._refill(now)
        if self._calls >= 1:
            self._calls -= cost
            return Verdict.ADMIT
        if now - self._last_refusal >= _CALM:
            self._first_refusal = now
        self._last_refusal = now
        return Verdict.CLOSE if self.is_over else Verdict.REFUSE

    def keep_alive(self, now: float) -> bool:
        """Whether a KeepAlive that was refused as a call is admitted all the same."""
        self._refill(now)
        if self._keep_alives < 1:
            return False
        self._keep_alives -= 1
        return True

    @property
    def is_over(self) -> bool:
        """Whether it has been refusing for too long."""
        return self._last_refusal - self._first_refusal >= self._limited_for

    def charge(self, cost: int) -> None:
        """Count ``cost`` more for what was admitted."""
        self._calls -= cost

    def is_full(self, now: float) -> bool:
        """Whether it is as good as new."""
        self._refill(now)
        is_refilled = self._calls >= self._burst and self._keep_alives >= KEEP_ALIVES[1]
        return is_refilled and now - self._last_refusal >= _CALM

    def _refill(self, now: float) -> None:
        passed, (per_second, most) = now - self._at, KEEP_ALIVES
        self._at = now
        self._calls = min(self._burst, self._calls + passed * self._per_second)
        self._keep_alives = min(most, self._keep_alives + passed * per_second)


Who = tuple[RoomId, UserId]
"""A user in a room."""


class UserRates:
    """The buckets of users in rooms. Those without a connection are forgotten when they are full again."""

    def __init__(self, per_second: float, burst: int, limited_for: float) -> None:
        """See :class:`Rate`."""
        self._limits = per_second, burst, limited_for
        self._held: dict[Who, tuple[Rate, int]] = {}
        """Of those with connections, and how many."""
        self._left: OrderedDict[Who, Rate] = OrderedDict()
        """Of those without, in the order in which they went."""

    def __len__(self) -> int:
        """How many users are remembered."""
        return len(self._held) + len(self._left)

    def new(self, now: float) -> Rate:
        """A full bucket, of nobody."""
        return Rate(now, *self._limits)

    def hold(self, who: Who, now: float) -> Rate:
        """A connection of a user begins: their bucket. To be given up by :meth:`let_go`."""
        if who in self._held:
            rate, count = self._held[who]
        else:
            rate, count = (self._left.pop(who) if who in self._left else self.new(now)), 0
        self._held[who] = rate, count + 1
        return rate

    def connections(self, who: Who) -> int:
        """How many a user has."""
        return self._held[who][1] if who in self._held else 0

    def let_go(self, who: Who, now: float) -> None:
        """A connection of a user has ended."""
        rate, count = self._held.pop(who)
        if count > 1:
            self._held[who] = rate, count - 1
        elif not rate.is_full(now):
            self._left[who] = rate
        self._forget(now)

    def _forget(self, now: float) -> None:
        """Look at those gone for longest: at two for each that goes, so that no full one stays for long."""
        for _ in range(min(2, len(self._left))):
            who, rate = self._left.popitem(last=False)
            if len(self._left) < MOST_USERS and not rate.is_full(now):
                self._left[who] = rate
