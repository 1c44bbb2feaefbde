"""What a hub knows of one room: the members, kept up to date by the room's messages. Pure: messages in, what to show
out.

Invariants that callers hold:

- Messages come in the order of the room's channel; the hub was subscribed before it read the first snapshot.
- A change that this hub made itself is told twice, in no fixed order: by the script's answer (:meth:`Mirror.own`) and
  by the channel (:meth:`Mirror.heard`). The first one counts. Until the channel has caught up with an own change,
  what it says of the same about that user is older than what is known, and is ignored; of who has come or gone, all
  is. A removal of a connection that is not known
  to have the seat is not such a change: the channel will tell of both. Nor is a member written again (``restored``):
  no answer tells of that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tertulia.contract.fields import LeaveReason
from tertulia.room.messages import (
    ControlMessage,
    HandMessage,
    JoinedMessage,
    LeftMessage,
    NameMessage,
    OptOutMessage,
    StateMessage,
)
from tertulia.room.participant import Participant

MemberMessage = JoinedMessage | LeftMessage | StateMessage | HandMessage | NameMessage | OptOutMessage | ControlMessage


class Came(Struct, frozen=True):
    """The others are to be shown a new member."""

    participant: Participant


class Superseded(Struct, frozen=True):
    """Another connection of the user has the seat now: shown to nobody but the old connection."""

    old: Participant
    new: Participant
    resumed: bool


class Went(Struct, frozen=True):
    """A member is gone: shown to the others; the connection, if it still lives, is let go."""

    participant: Participant
    reason: LeaveReason


class Changed(Struct, frozen=True):
    """A member's microphone or camera: shown to all."""

    participant: Participant


class Hand(Struct, frozen=True):
    """A member's hand: shown to all."""

    participant: Participant


class Renamed(Struct, frozen=True):
    """A member's name: shown to all."""

    participant: Participant


class OptedOut(Struct, frozen=True):
    """Whether a member is left out of recordings: shown to all."""

    participant: Participant


class Controlled(Struct, frozen=True):
    """What a host has changed about a member: shown to all."""

    participant: Participant


Shown = Came | Superseded | Went | Changed | Hand | Renamed | OptedOut | Controlled

_Key = tuple[str, str, object]
Untold = tuple[str, str]
"""The kind of a change, and of which user."""


class Mirror:
    """The members of one room, as far as this hub has heard."""

    def __init__(self, members: Iterable[Participant]) -> None:
        self.members: dict[str, Participant] = {m.user_id: m for m in members}
        self._ahead: dict[str, list[_Key]] = {}
        """Own changes that the channel has not told yet, by user."""
        self._early: dict[str, list[_Key]] = {}
        """Own removals of seats that the channel has not told of yet: they are made when it tells of them."""
        self._told: dict[str, list[_Key]] = {}
        """Own changes that the channel told before the script's answer came."""
        self._met: dict[str, str] = {}
        """Members found by a join of this hub before the channel has told of them, and their connections."""
        self._doubtful: dict[str, float] = {}
        """Members not heard of since Redis lost the room, and until when they are believed."""
        self._written: set[str] | None = None
        """Who came since the channel said that this hub has written its members again; None: it has not said so."""

    def own(self, message: MemberMessage) -> list[Shown]:
        """A script's answer to this hub, as the message that the script published."""
        key = _key(message)
        told = self._told.get(message.user_id)
        if told and key in told:
            _drop(self._told, message.user_id, key)
            return []
        if isinstance(message, JoinedMessage) and self._holds(message.user_id, message.participant.connection_id):
            return self._apply(message)  # from a snapshot: the channel will not tell it again
        if isinstance(message, LeftMessage) and not self._holds(message.user_id, message.connection_id):
            self._early.setdefault(message.user_id, []).append(key)
            return []
        self._ahead.setdefault(message.user_id, []).append(key)
        return self._apply(message)

    def heard(self, message: MemberMessage, own: bool) -> list[Shown]:
        """A message of the channel; ``own``: this hub caused it."""
        ahead = self._ahead.get(message.user_id)
        if isinstance(message, JoinedMessage) and self._met.get(message.user_id) == message.participant.connection_id:
            del self._met[message.user_id]
        if own and _is_restored(message) and self._written is None:
            self._written = set()
        if own and not _is_restored(message):
            key = _key(message)
            if ahead and key in ahead:
                _drop(self._ahead, message.user_id, key)
                return []
            early = self._early.get(message.user_id)
            if early and key in early:
                _drop(self._early, message.user_id, key)
                return self._apply(message)
            self._told.setdefault(message.user_id, []).append(key)
            del self._told[message.user_id][:-_TOLD_KEPT]
        if _is_older(message, ahead):
            return []
        return self._apply(message)

    def snapshot(self, members: Iterable[Participant]) -> list[Shown]:
        """The truth, read anew after messages were missed: what has to be shown to come from here to there. Of the
        doubtful it says nothing: their hub may still write them again."""
        self.caught_up()
        now = {m.user_id: m for m in members}
        self._doubtful = {u: until for u, until in self._doubtful.items() if u not in now}
        gone = [u for u in self.members if u not in now and u not in self._doubtful]
        shown: list[Shown] = [Went(self.members.pop(user_id), "timeout") for user_id in gone]
        for member in now.values():
            shown += self._seat(member, resumed=False)
        return shown

    def present(self, members: Iterable[Participant]) -> list[Shown]:
        """Members who are there for certain; of the others this says nothing."""
        shown: list[Shown] = []
        for member in members:
            self._doubtful.pop(member.user_id, None)
            shown += self._seat(member, resumed=False)
        return shown

    def meet(self, members: list[Participant]) -> list[Shown]:
        """The same, of members of whom the channel has still to tell."""
        self._met.update((member.user_id, member.connection_id) for member in members)
        return self.present(members)

    def writing(self) -> None:
        """This hub is about to write its members again."""
        self._written = None

    def lost(self, mine: Iterable[str], until: float) -> None:
        """Redis had lost the room. ``mine`` were written again by this hub; the others are believed ``until`` then, but
        for those who have come since."""
        self.caught_up()
        kept = {*mine, *(self._written or ())}
        self._doubtful = {u: self._doubtful.get(u, until) for u in self.members if u not in kept}

    def doubt(self, now: float) -> list[Shown]:
        """Members whom no hub has written again in time are gone."""
        over = [u for u, until in self._doubtful.items() if until <= now]
        shown: list[Shown] = []
        for user_id in over:
            del self._doubtful[user_id]
            member = self.members.pop(user_id, None)
            if member is not None:
                shown.append(Went(member, "timeout"))
        return shown

    def caught_up(self) -> None:
        """What the channel says from now on comes behind every own change that was answered."""
        for changes in (self._ahead, self._early, self._told):
            changes.clear()
        self._met.clear()

    def untold(self) -> list[Untold]:
        """Own changes that the channel has still to tell, and members of whom it has."""
        own = [(kind, user) for changes in self._ahead.values() for kind, user, _ in changes]
        return own + [("joined", user) for user in self._met]

    def _holds(self, user_id: str, connection_id: str) -> bool:
        known = self.members.get(user_id)
        return known is not None and known.connection_id == connection_id

    def _apply(self, message: MemberMessage) -> list[Shown]:
        if isinstance(message, JoinedMessage):
            self._doubtful.pop(message.user_id, None)
            if self._written is not None:
                self._written.add(message.user_id)
            return self._seat(message.participant, message.resumed)
        member = self.members.get(message.user_id)
        if member is None:
            return []
        if isinstance(message, LeftMessage):
            if member.connection_id != message.connection_id:
                return []
            del self.members[message.user_id]
            self._doubtful.pop(message.user_id, None)
            return [Went(member, message.reason)]
        if isinstance(message, StateMessage):
            return self._change(member, _with_state(member, message))
        if isinstance(message, OptOutMessage):
            return self._change(member, replace(member, recording_opt_out=message.opt_out))
        if isinstance(message, NameMessage):
            return self._change(member, replace(member, display_name=message.display_name))
        if isinstance(message, ControlMessage):
            return self._change(member, _with_control(member, message))
        return self._change(member, replace(member, hand_raised=message.raised))

    def _seat(self, member: Participant, resumed: bool) -> list[Shown]:
        known = self.members.get(member.user_id)
        self.members[member.user_id] = member
        if known is None:
            return [Came(member)]
        shown = self._change(known, member)
        if known.connection_id != member.connection_id:
            shown.append(Superseded(known, member, resumed))
        return shown

    def _change(self, old: Participant, new: Participant) -> list[Shown]:
        self.members[new.user_id] = new
        shown: list[Shown] = []
        if (old.is_muted, old.is_video_on) != (new.is_muted, new.is_video_on):
            shown.append(Changed(new))
        if old.hand_raised != new.hand_raised:
            shown.append(Hand(new))
        if old.display_name != new.display_name:
            shown.append(Renamed(new))
        if old.recording_opt_out != new.recording_opt_out:
            shown.append(OptedOut(new))
        if (old.role, old.is_spotlit, old.permissions) != (new.role, new.is_spotlit, new.permissions):
            shown.append(Controlled(new))
        return shown


_TOLD_KEPT: Final = 8
"""Own changes of one user whose answers are still to come: calls of a connection follow each other, so one or two."""


def _with_state(member: Participant, message: StateMessage) -> Participant:
    return replace(
        member,
        is_muted=message.is_muted,
        is_video_on=message.is_video_on,
        said_video_off=message.said_video_off,
    )


def _with_control(member: Participant, message: ControlMessage) -> Participant:
    return replace(member, role=message.role, is_spotlit=message.is_spotlit, permissions=message.permissions)


def _is_older(message: MemberMessage, ahead: list[_Key] | None) -> bool:
    """Whether an own change that the channel has still to tell covers this message."""
    if not ahead:
        return False
    kind = _key(message)[0]
    return kind in _WHOLE or any(known in (kind, *_WHOLE) for known, _, _ in ahead)


_WHOLE: Final = ("joined", "left")
"""The kinds of messages that say all about a member."""


def _key(message: MemberMessage) -> _Key:
    if isinstance(message, JoinedMessage):
        return "joined", message.user_id, message.participant.connection_id
    if isinstance(message, LeftMessage):
        return "left", message.user_id, message.connection_id
    if isinstance(message, StateMessage):
        return "state", message.user_id, (message.is_muted, message.is_video_on, message.said_video_off)
    if isinstance(message, OptOutMessage):
        return "optOut", message.user_id, message.opt_out
    if isinstance(message, NameMessage):
        return "name", message.user_id, message.display_name
    if isinstance(message, ControlMessage):
        return "control", message.user_id, (message.role, message.is_spotlit, message.permissions)
    return "hand", message.user_id, message.raised


def _is_restored(message: MemberMessage) -> bool:
    return isinstance(message, JoinedMessage) and message.restored


def _drop(changes: dict[str, list[_Key]], user_id: str, key: _Key) -> None:
    changes[user_id].remove(key)
    if not changes[user_id]:
        del changes[user_id]
