"""Stateful reconnect: when a socket is replaced, no message is lost or doubled.

Both sides number the tracked messages that they send, from 1, and keep them until an Ack. After a replacement each
sends a Sequence, and then again what is unacknowledged. HubProtocol.md says that the Sequence names the next *new*
message; ASP.NET Core's server and every client send, and expect, the id of the *oldest unacknowledged* one (the total
plus one if there is none). We do as they do.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.messages import TRACKED, Message, Sequence

ACK_DELAY: Final = 1.0
"""Seconds from an arrival to its Ack, as in ASP.NET Core, so that many arrivals share one."""


class Outgoing:
    """The tracked frames that the client may need again.

    More than ``bound`` unacknowledged bytes, and what follows waits unsent until an Ack makes room (backpressure).

    The npm and .NET clients take it for an error if our Sequence lies beyond the message that they expect next, and
    that one falls behind what they acknowledged while they go through frames that were sent again. So what is
    acknowledged is kept until an Ack of something newer than the last replacement proves that the client is through
    with them.
    """

    __slots__ = ("_acked", "_bound", "_kept", "_proof", "_waiting", "total", "unacked_bytes", "waiting_bytes")

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._kept: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()
        self._acked = self._proof = 0
        self.unacked_bytes = 0
        self.waiting_bytes = 0
        self.total = 0
        """The id of the newest frame that was sent."""

    @property
    def full(self) -> bool:
        """Whether the next frame has to wait."""
        return self.unacked_bytes > self._bound

    def push(self, frame: bytes) -> bool:
        """Number a frame and keep it. False: it waits for an Ack and must not be sent now."""
        if self._waiting or self.full:
            self._waiting.append(frame)
            self.waiting_bytes += len(frame)
            return False
        self._keep(frame)
        return True

    def _keep(self, frame: bytes) -> None:
        self.total += 1
        self._kept.append(frame)
        self.unacked_bytes += len(frame)

    def ack(self, sequence_id: int) -> list[bytes]:
        """Note what arrived; the frames that may be sent now. An Ack of what was never sent counts for what was."""
        arrived = min(sequence_id, self.total)
        if arrived > self._acked:
            first = self.total - len(self._kept) + 1
            self.unacked_bytes -= sum(map(len, islice(self._kept, self._acked + 1 - first, arrived + 1 - first)))
            self._acked = arrived
        if self._acked > self._proof:
            while len(self._kept) > self.total - self._acked:
                self._kept.popleft()
        released: list[bytes] = []
        while self._waiting and not self.full:
            frame = self._waiting.popleft()
            self.waiting_bytes -= len(frame)
            self._keep(frame)
            released.append(frame)
        return released

    def again(self) -> tuple[Sequence, list[bytes]]:
        """What a replacing socket gets first: the Sequence, then the frames from it on."""
        self._proof = self.total
        return Sequence(self.total - len(self._kept) + 1), list(self._kept)

    def undelivered(self) -> list[bytes]:
        """Every frame of which it is not known that it arrived."""
        unacked = self.total - self._acked
        return [*islice(self._kept, len(self._kept) - unacked, None), *self._waiting]


class Incoming:
    """Which of the client's messages are new."""

    __slots__ = ("_awaiting_sequence", "_latest", "_next", "acked")

    def __init__(self) -> None:
        self._next = 1
        self._latest = 0
        self._awaiting_sequence = False
        self.acked = 0
        """What our last Ack said."""

    @property
    def latest(self) -> int:
        """The id of the newest message that arrived."""
        return self._latest

    @property
    def unacked(self) -> bool:
        """Whether an Ack is owed."""
        return self.acked < self._latest

    def replaced(self) -> None:
        """The socket was replaced: everything before the client's Sequence is ignored, and our last Ack may be lost."""
        self._awaiting_sequence = True
        self.acked = 0

    def sequence(self, sequence_id: int) -> None:
        """The client says which message it sends next. Raises ProtocolError if it skips any.

        ASP.NET Core compares with the message that it expects next; that one lies behind what has arrived while the
        client sends again, so that a second cut in that moment would end the connection for nothing.
        """
        if not 1 <= sequence_id <= self._latest + 1:
            raise ProtocolError("Sequence ID greater than amount of messages we've received.")
        self._awaiting_sequence = False
        self._next = sequence_id

    def accepts(self, message: Message) -> bool:
        """Whether to process a message (not a Sequence): not while its Sequence is awaited, and not twice."""
        if self._awaiting_sequence:
            return False
        if not isinstance(message, TRACKED):
            return True
        current = self._next
        self._next += 1
        if current <= self._latest:
            return False
        self._latest = current
        return True
