"""What a client shows of the others, and which words it has heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tertulia.contract.calls import Permissions
from tertulia.contract.events import JoinResult, ParticipantChanged, ParticipantView
from tertulia.ids import UserId
from tertulia.room.participant import Participant

Fail = Callable[[str, str], None]


Control = tuple[str, bool, Permissions]
"""What hosts decide about a member."""


def control_of(member: ParticipantView | ParticipantChanged | Participant) -> Control:
    """Of a member, in whatever form."""
    return member.role, member.is_spotlit, member.permissions


class Shown:
    """What a client shows of another member."""

    __slots__ = ("control", "hand_raised", "is_lost", "is_muted", "is_video_on", "name", "opt_out")

    def __init__(
        self, name: str, is_muted: bool, is_video_on: bool, hand_raised: bool, opt_out: bool, control: Control
    ) -> None:
        self.name = name
        self.is_muted = is_muted
        self.is_video_on = is_video_on
        self.hand_raised = hand_raised
        self.opt_out = opt_out
        self.control = control
        self.is_lost = False

    def copy(self) -> Shown:
        """The same, to be changed by itself."""
        other = Shown(*self.state)
        other.is_lost = self.is_lost
        return other

    @property
    def state(self) -> tuple[str, bool, bool, bool, bool, Control]:
        """All but whether the connection is lost."""
        return self.name, self.is_muted, self.is_video_on, self.hand_raised, self.opt_out, self.control


class View:
    """Kept in two ways: from each of JoinRoom's lists on, and from the first one on by events alone."""

    def __init__(self, user: UserId, whose: str, fail: Fail) -> None:
        """``user`` is whose client it is, ``whose`` how it is called; ``fail`` is told what must not be."""
        self.members: dict[UserId, Shown] = {}
        """By JoinRoom's list and the events since."""
        self.followed: dict[UserId, Shown] = {}
        """By the list of the first JoinRoom and all events since, those that a return replayed among them."""
        self.chats: set[str] = set()
        self._user = user
        self._whose = whose
        self._fail = fail
        self._may_come_again: set[UserId] = set()
        """In the list, so that a ParticipantJoined may still come."""
        self._last_chat: dict[tuple[str, int], int] = {}

    def take(self, result: JoinResult) -> None:
        """JoinRoom's result."""
        self.members = {UserId(p.user_id): _shown(p) for p in result.participants}
        if len(self.members) != len(result.participants) or self._user in self.members:
            self._fail("shown twice", f"{self._whose}: JoinRoom's list has {[p.user_id for p in result.participants]}")

    def begin(self) -> None:
        """Nothing of what was followed until now counts any more."""
        self.followed = {user: shown.copy() for user, shown in self.members.items()}
        self._may_come_again = set(self.members)
        self._last_chat.clear()

    def came(self, payload: dict[str, Any]) -> None:
        """ParticipantJoined."""
        user = UserId(payload["userId"])
        if user == self._user:
            self._fail("shown twice", f"{self._whose} is told of itself")
        if user in self.followed and user not in self._may_come_again:
            self._fail("shown twice", f"{self._whose} is told of {user} again")
        self._may_come_again.discard(user)
        for view in (self.members, self.followed):
            view[user] = _shown(msgspec.convert(payload, ParticipantView))

    def went(self, payload: dict[str, Any]) -> None:
        """ParticipantLeft."""
        user = UserId(payload["userId"])
        self._may_come_again.discard(user)
        for view in (self.members, self.followed):
            view.pop(user, None)

    def change(self, payload: dict[str, Any], **values: Any) -> None:
        """Something else about a member."""
        for view in (self.members, self.followed):
            shown = view.get(UserId(payload["userId"]))
            if shown is not None:
                for name, value in values.items():
                    setattr(shown, name, value)

    def chat(self, payload: dict[str, Any]) -> None:
        """ChatMessage."""
        text = payload["text"]
        sender, number, count = text.split(":")
        key = sender, int(number)
        if int(count) <= self._last_chat.get(key, 0):
            self._fail("order", f"{self._whose} hears {text} after {self._last_chat[key]} of {key}")
        self._last_chat[key] = int(count)
        self.chats.add(text)


def _shown(member: ParticipantView) -> Shown:
    return Shown(
        member.display_name,
        member.is_muted,
        member.is_video_on,
        member.hand_raised,
        member.recording_opt_out,
        control_of(member),
    )
