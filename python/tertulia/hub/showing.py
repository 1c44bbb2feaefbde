"""What the members of this hub are shown of what happened to the membership of their room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Raw

from tertulia.hub.connection import Connection
from tertulia.room import events
from tertulia.room.closing import REMOVED, REPLACED
from tertulia.room.messages import HandoverMessage
from tertulia.room.mirror import Came, Changed, Effect, Hand, Superseded, Went
from tertulia.room.missed import Missed
from tertulia.room.participant import Participant

if TYPE_CHECKING:
    from tertulia.hub.live import LiveRoom


def show(live: LiveRoom, effects: Iterable[Effect]) -> None:
    """Tell the others; let go who has no seat any more."""
    for effect in effects:
        if isinstance(effect, Came):
            live.broadcast(events.participant_joined(effect.participant), effect.participant.user_id)
        elif isinstance(effect, Superseded):
            _superseded(live, effect)
        elif isinstance(effect, Went):
            _went(live, effect)
        elif isinstance(effect, Changed):
            live.broadcast(events.state_changed(effect.participant))
        elif isinstance(effect, Hand):
            live.broadcast(events.hand_raised(effect.participant))


def _holder(live: LiveRoom, member: Participant) -> Connection | None:
    connection = live.seats.get(member.user_id)
    return connection if connection is not None and connection.id == member.connection_id else None


def _superseded(live: LiveRoom, effect: Superseded) -> None:
    connection = _holder(live, effect.old)
    if connection is None:
        early = _joining(live, effect.old)
        if early is not None:
            early.lost_early = True
            early.let_go(events.replaced(), REPLACED)
        return
    live.unseat(connection)
    if connection.shown_lost:
        live.say(events.connection_back(effect.new.user_id), effect.new.user_id)
    missed = connection.missed or Missed(connection.is_uncertain)
    if effect.resumed and not live.hand_over(effect.new.connection_id, missed):
        frames = [(event.name, Raw(event.json())) for event in missed.take()]
        live.publish(
            HandoverMessage(
                origin=live.hub_id, connection_id=effect.new.connection_id, frames=frames, missed=missed.some_lost
            )
        )
    connection.let_go(events.replaced(), REPLACED)


def _went(live: LiveRoom, effect: Went) -> None:
    member = effect.participant
    connection = _holder(live, member)
    if connection is not None:
        live.unseat(connection)
    else:
        connection = _joining(live, member)
        if connection is not None:
            connection.lost_early = True
    if connection is not None and effect.reason == "removed":
        connection.let_go(events.removed(), REMOVED)
    live.broadcast(events.participant_left(effect), member.user_id)


def _joining(live: LiveRoom, member: Participant) -> Connection | None:
    """The connection of a member whose JoinRoom is not answered yet."""
    return next((c for c in live.joining if c.id == member.connection_id), None)
