"""The members of a room on this hub, as those who are told: at once, when they are back, or when they have joined."""

from __future__ import annotations

from tertulia.ids import ConnectionId, SeatId, UserId
from tertulia.room.agenda import Agenda
from tertulia.room.effects import Deliver
from tertulia.room.events import Event
from tertulia.room.seat import Lost, Seated, Source
from tertulia.room.seats import Seats


class Audience:
    """Who is seated gets an event by one ``Deliver`` for all; for who is lost or still joining it is kept.

    What was told to everyone is counted, and each seat knows how much of it its client is known to have got: a
    broadcast touches no seat.
    """

    __slots__ = ("_agenda", "_arrives_within", "_everyone", "_seats", "_told_at", "told")

    def __init__(self, agenda: Agenda, seats: Seats, arrives_within: float) -> None:
        """``arrives_within``: seconds, as in :class:`~tertulia.room.settings.HubSettings`."""
        self._agenda = agenda
        self._arrives_within = arrives_within
        self._seats = seats
        self._everyone: list[ConnectionId] | None = None
        self.told = 0
        """Broadcasts so far."""
        self._told_at = -arrives_within
        """When the last of them was made."""

    def changed(self) -> None:
        """Somebody sat down, stood up or was lost."""
        self._everyone = None

    def broadcast(self, event: Event, exclude: UserId | None, source: Source) -> None:
        """Tell everyone but ``exclude``."""
        seats = self._seats
        everyone = self._everyone
        if everyone is None:
            everyone = self._everyone = [seat.connection for seat in seats.present.values()]
        if exclude is not None:
            everyone = self._without(exclude, everyone)
        self.told += 1
        self._told_at = self._agenda.now
        if everyone:
            self._agenda.effects.append(Deliver(event, everyone))
        for user_id, lost in seats.lost.items():
            if user_id != exclude:
                lost.missed.add(event)
        for joining in seats.joining.values():
            if joining.user_id != exclude:
                joining.hold(event, None, source)

    def tell(self, user_id: UserId, event: Event, seat_id: SeatId | None, source: Source) -> None:
        """Tell one member; with ``seat_id`` only in that seat."""
        seats = self._seats
        seat = seats.present.get(user_id) or seats.lost.get(user_id)
        if seat is not None and (seat_id is None or seat_id == seat.seat):
            if type(seat) is Seated:
                seat.told_at = self._agenda.now
                self._agenda.effects.append(Deliver(event, [seat.connection]))
            else:
                self.tell_seat(seat, event)
        for joining in seats.joining.values():
            if joining.user_id == user_id:
                joining.hold(event, seat_id, source)

    def tell_seat(self, seat: Seated | Lost, event: Event) -> None:
        """Tell who sits there."""
        if isinstance(seat, Lost):
            seat.missed.add(event)
        else:
            seat.told_at = self._agenda.now
            self._agenda.effects.append(Deliver(event, [seat.connection]))

    # --- what is known to have arrived

    def heard_from(self, seat: Seated) -> None:
        """Its client was heard of: what it was sent has arrived, but for what may have been on the way still."""
        before = self._agenda.now - self._arrives_within
        if self._told_at <= before:
            seat.confirmed = self.told
        if seat.told_at is not None and seat.told_at <= before:
            seat.told_at = None

    def is_in_doubt(self, seat: Seated) -> bool:
        """Whether it was sent something that is not known to have arrived."""
        return seat.told_at is not None or seat.confirmed != self.told

    def _without(self, user_id: UserId, everyone: list[ConnectionId]) -> list[ConnectionId]:
        seat = self._seats.present.get(user_id)
        if seat is None:
            return everyone
        if seat.confirmed == self.told:
            seat.confirmed += 1  # it is not sent what is in no doubt
        return [connection for connection in everyone if connection != seat.connection]
