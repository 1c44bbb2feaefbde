"""What the hub tells the SFU nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog

from tertulia.errors import Unavailable
from tertulia.ids import NodeId, RoomId, SeatId, transport_id
from tertulia.redis.channels import Channels
from tertulia.room import commands
from tertulia.room.commands import Command
from tertulia.state import keys

_log: Final = structlog.get_logger(__name__)


class Media:
    """Publishes commands. One that is lost is made good by the node (silent peers are closed) and the client (it
    offers again)."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def send(self, node: NodeId, command: Command) -> None:
        """Raises Unavailable: too much is queued."""
        self._channels.publish(keys.sfu_commands(node), commands.encode(command))

    def close(self, room: RoomId, node: NodeId | None, seats: Iterable[SeatId]) -> None:
        """These seats are gone."""
        if node is not None:
            for seat in seats:
                self.try_to_send(node, commands.Close(room=room, transport=transport_id(seat, node)))

    def end(self, room: RoomId, node: NodeId | None) -> None:
        """The meeting is over."""
        if node is not None:
            self.try_to_send(node, commands.End(room=room))

    def try_to_send(self, node: NodeId, command: Command) -> None:
        """What is better lost than refused."""
        try:
            self.send(node, command)
        except Unavailable as e:
            _log.warning("an SFU node was not told", node=node, room=command.room, error=e.message)
