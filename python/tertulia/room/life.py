"""What a hub knows of the meeting that is on in a room."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec
from msgspec import Struct

from tertulia.contract.events import ChatMessage
from tertulia.contract.settings import Settings
from tertulia.ids import NodeId, RecordingId, SessionId, UserId
from tertulia.room.mirror import Mirror
from tertulia.room.steps import KnownRoom

MAX_UNKEPT: Final = 200
"""While Redis is slow the oldest are left out: it keeps no more of a room anyway."""


class Left(Struct, kw_only=True, eq=False):
    """The SFU node that the room has left, and that has not let go yet."""

    node: NodeId
    waiting: set[UserId]
    """Members not known to be connected to the new node."""
    until: float
    """When it lets go at the latest, in the seconds of ``now``."""


class Life(Struct, kw_only=True, eq=False):
    """From the first JoinRoom that was answered to the end of the meeting, or until nobody of this hub is in it."""

    mirror: Mirror
    settings: Settings
    """The room's, as this hub last read them."""
    session_id: SessionId
    incarnation: str
    """Of the state in Redis, as this hub knows it."""
    region: str
    node: NodeId | None
    """Where the room's media is."""
    left: Left | None = None
    """Where it was; None: that has let go."""
    is_unsure: bool = False
    """Whether the session is open in SQL is still to be seen: SQL was away when a member joined, or the state was made
    anew, perhaps behind the end of the session."""
    recording: RecordingId | None
    """The one that goes on; the members of this hub were told."""
    since: str | None
    """The resume hash of the join that this knowledge comes from, which the channel has still to say: whatever it says
    until then is older, and may be of another session. None: it has said it, or the room was read since."""

    unkept: deque[ChatMessage] = msgspec.field(default_factory=lambda: deque(maxlen=MAX_UNKEPT))
    """Chat messages that everyone was told, and that Redis is still to keep."""

    def known(self) -> KnownRoom:
        """What Redis has to know of the room."""
        return KnownRoom(region=self.region, node=self.node, session_id=self.session_id, recording=self.recording)
