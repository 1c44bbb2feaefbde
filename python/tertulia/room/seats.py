"""The seats of a room whose connections this hub holds, and the connections that want one."""

from __future__ import annotations

from collections.abc import Iterator

from tertulia.ids import ConnectionId, UserId
from tertulia.room.participant import Participant
from tertulia.room.seat import Joining, Lost, Seated


class Seats:
    """A user has one seat here at most, and a connection is in one place at most."""

    __slots__ = ("by_connection", "joining", "lost", "present", "waiting")

    def __init__(self) -> None:
        self.joining: dict[ConnectionId, Joining] = {}
        self.waiting: dict[ConnectionId, Joining] = {}
        """JoinRooms whose users a host has to admit first."""
        self.present: dict[UserId, Seated] = {}
        self.lost: dict[UserId, Lost] = {}
        self.by_connection: dict[ConnectionId, Seated | Lost] = {}

    def __len__(self) -> int:
        """How many seats are held; those that are wanted do not count."""
        return len(self.by_connection)

    def __iter__(self) -> Iterator[Seated | Lost]:
        return iter(list(self.by_connection.values()))

    def of(self, connection: ConnectionId) -> Seated | Lost | None:
        """The seat of a connection."""
        return self.by_connection.get(connection)

    def holder(self, member: Participant) -> Seated | Lost | None:
        """The member's seat, if it is held here, and by that connection."""
        seat = self.by_connection.get(member.connection_id)
        return seat if seat is not None and seat.user_id == member.user_id else None

    def connections(self) -> set[ConnectionId]:
        """Those that hold a seat or want one."""
        return self.by_connection.keys() | self.joining.keys()

    def sit(self, seat: Seated | Lost) -> None:
        """A seat is taken. The user has none here."""
        if isinstance(seat, Seated):
            self.present[seat.user_id] = seat
        else:
            self.lost[seat.user_id] = seat
        self.by_connection[seat.connection] = seat

    def lose(self, seat: Seated, lost: Lost) -> None:
        """The connection of a seat is gone without a word: it is ``lost`` now."""
        del self.present[seat.user_id]
        self.sit(lost)

    def free(self, seat: Seated | Lost) -> None:
        """A seat is gone."""
        del self.by_connection[seat.connection]
        if isinstance(seat, Seated):
            del self.present[seat.user_id]
        else:
            del self.lost[seat.user_id]
