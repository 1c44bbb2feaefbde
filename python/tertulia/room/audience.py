"""The members of a room on this hub, as those who are told: at once, when they are back, or when they have joined."""

from __future__ import annotations

from tertulia.ids import SeatId, UserId
from tertulia.room.agenda import Agenda
from tertulia.room.effects import Deliver
from tertulia.room.events import Event
from tertulia.room.seat import Lost, Seated
from tertulia.room.seats import Seats


class Audience:
    """Who is seated gets an event by one ``Deliver`` for all; for who is lost or still joining it is kept."""

    __slots__ = ("_agenda", "_seats")

    def __init__(self, agenda: Agenda, seats: Seats) -> None:
        self._agenda = agenda
        self._seats = seats

    def broadcast(self, event: Event, exclude: UserId | None = None) -> None:
        """Tell everyone but ``exclude``."""
        to = []
        for user_id, seat in self._seats.present.items():
            if user_id != exclude:
                seat.unconfirmed = True
                to.append(seat.connection)
        if to:
            self._agenda.effects.append(Deliver(event, to))
        for user_id, lost in self._seats.lost.items():
            if user_id != exclude:
                lost.missed.add(event)
        for joining in self._seats.joining.values():
            if joining.user_id != exclude:
                joining.hold(event)

    def tell(self, user_id: UserId, event: Event, seat_id: SeatId | None = None) -> None:
        """Tell one member; with ``seat_id`` only in that seat."""
        seat = self._seats.held_by(user_id)
        if seat is not None and seat_id in (None, seat.seat):
            self.tell_seat(seat, event)
        for joining in self._seats.joining.values():
            if joining.user_id == user_id:
                joining.hold(event, seat_id)

    def tell_seat(self, seat: Seated | Lost, event: Event) -> None:
        """Tell who sits there."""
        if isinstance(seat, Lost):
            seat.missed.add(event)
        else:
            seat.unconfirmed = True
            self._agenda.effects.append(Deliver(event, [seat.connection]))
