"""What a hub knows of the meeting that is on in a room."""

from __future__ import annotations

from msgspec import Struct

from tertulia.ids import NodeId, SessionId
from tertulia.room.mirror import Mirror
from tertulia.room.steps import KnownRoom


class Life(Struct, kw_only=True, eq=False):
    """From the first JoinRoom that was answered to the end of the meeting, or until nobody of this hub is in it."""

    mirror: Mirror
    session_id: SessionId
    incarnation: str
    """Of the state in Redis, as this hub knows it."""
    region: str
    node: NodeId | None
    """Where the room's media is."""
    is_recording: bool

    def known(self) -> KnownRoom:
        """What Redis has to know of the room."""
        return KnownRoom(region=self.region, node=self.node, session_id=self.session_id, is_recording=self.is_recording)
