"""One room on one hub, as a pure value: inputs and ``now`` in, effects out.

No clock, no socket, no Redis, no await: what takes time is begun by an effect (``Run``, ``SetTimer``, ``Subscribe``),
and its answer comes as an input, to be matched with what is pending and with the state as it is by then.
"""

from __future__ import annotations

from tertulia.ids import ConnectionId, RoomId
from tertulia.room.effects import Effect
from tertulia.room.inputs import Input
from tertulia.room.surroundings import Surroundings


class Meeting:
    """See :mod:`tertulia.room.inputs` for what callers guarantee and :mod:`tertulia.room.effects` for what they do."""

    def __init__(self, room: RoomId, surroundings: Surroundings) -> None:
        """``surroundings``: what all meetings of a hub share."""

    def handle(self, given: Input, now: float) -> list[Effect]:
        """What follows from an input. ``now`` is in seconds, on any clock that never runs backwards."""
        raise NotImplementedError

    def heard(self, connection: ConnectionId) -> None:
        """The client was heard of (any frame of it that is no garbage beneath the dialect): what it was sent until now
        has arrived. To be called when the frame comes, before its call; no effect without a seat here."""
