"""The members of a room on this hub, as those who are told: at once, when they are back, or when they have joined."""

from __future__ import annotations

from collections.abc import Hashable

from tertulia.ids import ConnectionId, RecordingId, SeatId, UserId
from tertulia.room.agenda import Agenda
from tertulia.room.effects import Deliver
from tertulia.room.events import Event
from tertulia.room.journal import Broadcasts, Kept, Sent
from tertulia.room.missed import Backlog
from tertulia.room.seat import Lost, Seated, Source
from tertulia.room.seats import Seats


class Audience:
    """Who is seated gets an event by one ``Deliver`` for all; who is lost gets it when back, who is still joining
    behind the result.

    What was told is kept until it is confirmed (:mod:`tertulia.room.journal`), so that who returns gets exactly what
    is missing. Of a client that confirms nothing, each seat knows how much it is likely to have got.
    """

    __slots__ = ("_agenda", "_arrives_within", "_broadcasts", "_everyone", "_seats", "_told_at")

    def __init__(self, agenda: Agenda, seats: Seats, arrives_within: float) -> None:
        """``arrives_within``: seconds, as in :class:`~tertulia.room.settings.HubSettings`."""
        self._agenda = agenda
        self._arrives_within = arrives_within
        self._seats = seats
        self._everyone: list[ConnectionId] | None = None
        self._broadcasts = Broadcasts()
        self._told_at = -arrives_within
        """When the last of them was made."""

    @property
    def told(self) -> int:
        """Broadcasts so far."""
        return self._broadcasts.made

    def changed(self) -> None:
        """Somebody sat down, stood up or was lost."""
        self._everyone = None

    def broadcast(self, event: Event, exclude: UserId | None, source: Source) -> None:
        """Tell everyone but ``exclude``."""
        seats = self._seats
        everyone = self._everyone
        if everyone is None:
            everyone = self._everyone = [seat.connection for seat in seats.present.values()]
        if seats.by_connection:
            self._broadcasts.add(Kept.of(event))
            self._told_at = self._agenda.now
            if exclude is not None:
                everyone = self._without(exclude, everyone)
            if everyone:
                self._agenda.effects.append(Deliver(event, everyone))
        for joining in seats.joining.values():
            if joining.user_id != exclude:
                joining.hold(event, None, source)

    def tell(self, user_id: UserId, event: Event, seat_id: SeatId | None, source: Source) -> None:
        """Tell one member; with ``seat_id`` only in that seat."""
        seats = self._seats
        seat = seats.present.get(user_id) or seats.lost.get(user_id)
        if seat is not None and (seat_id is None or seat_id == seat.seat):
            self.tell_seat(seat, event)
        for joining in seats.joining.values():
            if joining.user_id == user_id:
                joining.hold(event, seat_id, source)

    def tell_seat(self, seat: Seated | Lost, event: Event) -> None:
        """Tell who sits there."""
        seat.sent.add(Kept.of(event), self.told)
        if type(seat) is Seated:
            seat.told_at = self._agenda.now
            self._agenda.effects.append(Deliver(event, [seat.connection]))

    # --- what has arrived

    def received(self, seat: Seated | Lost, events: int) -> bool:
        """The client says how many events it has received; False: so many were not sent."""
        total = seat.sent.total(self.told)
        if events > total:
            return False
        if events > seat.sent.first:
            seat.sent.forget(events)
        if events == total and type(seat) is Seated:
            seat.confirmed, seat.told_at = self.told, None
        return True

    def heard_from(self, seat: Seated) -> None:
        """Its client was heard of: what it was sent has arrived, but for what may have been on the way still."""
        before = self._agenda.now - self._arrives_within
        if self._told_at <= before:
            seat.confirmed = self.told
        if seat.told_at is not None and seat.told_at <= before:
            seat.told_at = None

    def superseded(self, connection: ConnectionId, latest: Hashable) -> None:
        """The last event with this ``latest`` was sent to a connection in the place of the one before."""
        seat = self._seats.of(connection)
        if seat is not None:
            seat.sent.supersede(latest, self._broadcasts)

    def forget_confirmed(self) -> None:
        """What all have received needs to be kept no more."""
        self._broadcasts.forget(min((seat.sent.place for seat in self._seats), default=self.told))

    # --- those who are lost

    def lose(self, seat: Seated, some_lost: bool, recording: RecordingId | None) -> Lost:
        """The connection of a seat is gone without a word. ``some_lost``: not all of what it was sent has arrived;
        ``recording``: the one that its client was told of."""
        in_doubt = some_lost or self._is_in_doubt(seat)
        lost_at = seat.sent.total(self.told)
        lost = Lost.of(seat, lost_at, in_doubt, recording, self._agenda.now)
        self._seats.lose(seat, lost)
        self.changed()
        return lost

    def backlog(self, seat: Seated | Lost) -> Backlog:
        """What was kept for a client that has returned by another connection."""
        lost_at = seat.lost_at if isinstance(seat, Lost) else seat.sent.total(self.told)
        in_doubt = seat.in_doubt if isinstance(seat, Lost) else self._is_in_doubt(seat)
        events = [kept.event() for kept in seat.sent.since(self._broadcasts)]
        return Backlog(first=seat.sent.first, events=events, lost_at=lost_at, in_doubt=in_doubt)

    def new(self) -> Sent:
        """Of who sits down now."""
        return Sent(self.told)

    def _is_in_doubt(self, seat: Seated) -> bool:
        """Whether it was sent something that is not known to have arrived."""
        return seat.told_at is not None or seat.confirmed != self.told

    def _without(self, exclude: UserId, everyone: list[ConnectionId]) -> list[ConnectionId]:
        """Those who are sent the last broadcast, which is not meant for ``exclude``."""
        lost = self._seats.lost.get(exclude)
        if lost is not None:
            lost.sent.leave_out(self.told - 1)
        seat = self._seats.present.get(exclude)
        if seat is None:
            return everyone
        seat.sent.leave_out(self.told - 1)
        if seat.confirmed == self.told - 1:
            seat.confirmed += 1  # it is not sent what is in no doubt
        return [connection for connection in everyone if connection != seat.connection]
