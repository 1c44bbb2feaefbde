"""The waiting room: who has called JoinRoom, and may sit down once a host has admitted them.

They have no seat, and nothing in Redis: their JoinRoom waits at the hub that holds the connection. Each hub says on the
channel who waits at it: at each change, to a host who comes, and again at each sweep. Whom a host has admitted is in
Redis, so that who has to knock again, since their hub has died, comes in.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tertulia import times
from tertulia.contract.events import Knock
from tertulia.contract.settings import Settings
from tertulia.errors import AlreadyJoined, EndedBeforeEntry, EntryDenied, NotJoined, WaitedTooLong, WaitingRoomFull
from tertulia.ids import ConnectionId, UserId
from tertulia.room import events
from tertulia.room.effects import Deliver, Refuse
from tertulia.room.messages import WaitingMessage
from tertulia.room.pending import Entering
from tertulia.room.room import Channel, Room
from tertulia.room.seat import Joining, Lost, Outcome, Seated
from tertulia.room.timers import Waited

MOST: Final = 100
"""People who may wait for one room at one hub."""
_ENDS_FOR_ALL: Final = frozenset({"host", "deleted"})
"""Ends of a meeting after which nobody is waited for; after others, somebody may come back."""


class _Elsewhere(Struct):
    """Who waits at another hub."""

    knocks: list[Knock]
    until: float
    """Until when that is believed, in the seconds of ``now``."""


class WaitingRoom:
    """Of one room. Hosts on this hub are told of all who wait, wherever they do."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._elsewhere: dict[str, _Elsewhere] = {}
        self._shown: dict[str, Knock] = {}
        """Of whom the hosts here were told."""

    @property
    def knocks(self) -> dict[str, Knock]:
        """Who waits, by userId."""
        known = {knock.user_id: knock for other in self._elsewhere.values() for knock in other.knocks}
        return known | {knock.user_id: knock for knock in self._here()}

    # --- coming and going

    def wait(self, joining: Joining) -> None:
        """A JoinRoom has to wait."""
        waiting = self._room.seats.waiting
        if joining.outcome is Outcome.LOST:
            self._refuse(joining, NotJoined("the connection is gone"))
            return
        for other in [other for other in waiting.values() if other.user_id == joining.user_id]:
            self._take(other)
            self._refuse(other, AlreadyJoined("you wait by another connection"))
        if len(waiting) >= MOST:
            self._refuse(joining, WaitingRoomFull("too many people wait to be admitted: try again later"))
            return
        waiting[joining.connection] = joining
        agenda = self._room.agenda
        agenda.set_timer(Waited(joining.connection), agenda.now + self._room.hub.settings.waits)
        agenda.effects.append(Deliver(events.waiting(), [joining.connection]))
        self._changed()

    def gone(self, connection: ConnectionId) -> None:
        """A client is gone; no effect unless it waits."""
        joining = self._room.seats.waiting.get(connection)
        if joining is not None:
            self._take(joining)
            self._refuse(joining, NotJoined("the connection is gone"))
            self._changed()

    def overdue(self, timer: Waited) -> None:
        """Nobody has admitted them."""
        joining = self._room.seats.waiting.pop(timer.connection)
        self._refuse(joining, WaitedTooLong("nobody has let you in: ask the host, and join again"))
        self._changed()

    # --- what hosts decide

    def admitted(self, users: list[UserId]) -> None:
        """A host has admitted these."""
        those = frozenset(users)
        for joining in self._room.seats.joining.values():
            joining.is_admitted = joining.is_admitted or joining.user_id in those
        self._resume([j for j in self._room.seats.waiting.values() if j.user_id in those])

    def denied(self, user: UserId) -> None:
        """A host has denied this one, or they were removed."""
        for joining in [j for j in self._room.seats.waiting.values() if j.user_id == user]:
            self._take(joining)
            self._refuse(joining, EntryDenied("the host has not let you in"))
            self._changed()

    def settings_are(self, settings: Settings) -> None:
        """Without a waiting room nobody has to wait."""
        if not settings.waiting_room:
            self._resume(list(self._room.seats.waiting.values()))

    def ended(self, reason: str) -> None:
        """The meeting is over."""
        if reason in _ENDS_FOR_ALL:
            self.refuse_all(EndedBeforeEntry())

    def refuse_all(self, error: Exception) -> None:
        """Nobody has anything to wait for any more."""
        for joining in list(self._room.seats.waiting.values()):
            self._take(joining)
            self._refuse(joining, error)
        self._changed()

    def try_again(self) -> None:
        """Everyone who waits here tries to join once more: that they may was perhaps missed."""
        self._resume(list(self._room.seats.waiting.values()))

    # --- what hubs tell each other

    def heard(self, message: WaitingMessage) -> None:
        """Another hub says who waits at it."""
        if message.origin == self._room.hub.hub:
            return
        until = self._room.agenda.now + self._room.hub.settings.waiting_told
        self._elsewhere[message.origin] = _Elsewhere(message.knocks, until)
        self.show()

    def say_again(self) -> None:
        """A hub that has died says nothing, and another may have missed what was said."""
        now = self._room.agenda.now
        self._elsewhere = {hub: other for hub, other in self._elsewhere.items() if other.until > now and other.knocks}
        self.say()
        self.show()

    def say(self) -> None:
        """Tell the other hubs who waits here, if anybody does."""
        if self._room.seats.waiting:
            self._publish()

    def forget(self) -> None:
        """The channel is heard no more."""
        self._elsewhere.clear()
        self._shown.clear()

    def show(self) -> None:
        """Tell the hosts on this hub what has changed."""
        now, before = self.knocks, self._shown
        self._shown = now
        for user, knock in now.items():
            if before.get(user) != knock:
                self._tell_hosts(events.participant_waiting(knock))
        for user in before.keys() - now.keys():
            self._tell_hosts(events.waiting_ended(user))

    def show_all(self, seat: Seated | Lost) -> None:
        """Tell a member who has become a host."""
        for knock in self.knocks.values():
            self._room.audience.tell_seat(seat, events.participant_waiting(knock))

    # --- within

    def _here(self) -> list[Knock]:
        return [
            Knock(
                user_id=joining.user_id,
                display_name=joining.claims.display_name,
                is_guest=joining.claims.admission.is_guest,
                since=times.rfc3339(times.from_seconds(joining.at)),
            )
            for joining in self._room.seats.waiting.values()
        ]

    def _changed(self) -> None:
        self._publish()
        self.show()

    def _publish(self) -> None:
        if self._room.channel is Channel.HEARD:
            self._room.publish(WaitingMessage(origin=self._room.hub.hub, knocks=self._here()))

    def _resume(self, resumed: list[Joining]) -> None:
        for joining in resumed:
            self._take(joining)
            self._room.seats.joining[joining.connection] = joining
            self._room.agenda.resume(Entering(joining.connection))
        if resumed:
            self._changed()

    def _take(self, joining: Joining) -> None:
        del self._room.seats.waiting[joining.connection]
        self._room.agenda.cancel_timer(Waited(joining.connection))

    def _refuse(self, joining: Joining, error: Exception) -> None:
        self._room.agenda.effects.append(Refuse(joining.connection, error))

    def _tell_hosts(self, event: events.Event) -> None:
        for seat in self._room.seats:
            if seat.role == "host":
                self._room.audience.tell_seat(seat, event)
