"""Chooses what happens next to a room, from what has happened."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tertulia.contract.calls import Permissions
from tertulia.contract.events import ChatMessage
from tertulia.ids import ConnectionId, NodeId, RecordingId, SeatId, SessionId, UserId, new_token, new_uuid
from tertulia.room.answers import Joined, Restored
from tertulia.room.participant import Participant
from tertulia.room.steps import JoinSeat, KnownRoom, Placement
from tests.integration.state.rooms import new_user

HUBS = 3
USERS = 5
RECORDINGS = 12
"""More than are remembered to be over."""
MESSAGES = ("m-1", "m-2", "m-3")
LIMIT = 3
SILENT_MS = 30_000
EMPTY_MS = 62_000


class Call(NamedTuple):
    """A call of :class:`RoomState`, without the room."""

    hub: int
    name: str
    args: tuple[Any, ...] = ()
    more: dict[str, Any] = {}  # noqa: RUF012 - never changed
    ages: Ages | None = None
    """Each side reckons by its own clock."""


class Ages(NamedTuple):
    """How long ago something was, in milliseconds."""

    admitted: int | None = None
    """The admission of who joins."""
    done: int | None = None
    """The removal that is done again."""
    removed: dict[UserId, int] = {}  # noqa: RUF012 - never changed
    """What SQL knows."""
    joined: tuple[int, ...] = ()
    """The members who are restored."""


@dataclass
class Player:
    """Chooses what happens next, from what has happened."""

    rng: random.Random
    users: list[UserId] = field(default_factory=lambda: [new_user() for _ in range(USERS)])
    seats: list[tuple[int, Participant]] = field(default_factory=list)
    """Who ever had a seat, and the hub; most of them no longer do."""
    incarnations: list[str] = field(default_factory=lambda: ["never"])
    recordings: list[RecordingId] = field(default_factory=lambda: [RecordingId(new_uuid()) for _ in range(RECORDINGS)])
    sessions: list[SessionId] = field(default_factory=lambda: [SessionId(new_uuid())])
    joins: int = 0

    def learn(self, call: Call, reply: Any) -> None:
        """Remember who sits, and in which incarnation."""
        if isinstance(reply, Joined):
            self.seats.append((call.hub, reply.participant))
            self.incarnations.append(reply.incarnation)
            self.sessions.append(reply.session_id)
        elif isinstance(reply, Restored):
            self.incarnations.append(reply.incarnation)

    def call(self) -> Call:
        """Any call, the frequent ones more often."""
        makers: list[tuple[int, Callable[[], Call]]] = [
            (10, self.join),
            (4, self._leave),
            (2, lambda: self._any("remove", self._user(), self.rng.choice([None, *self.sessions[-2:]]))),
            (2, self._remove_again),
            (2, self._keep_out),
            (5, lambda: self._on_seat("keep_alive")),
            (5, self._update),
            (2, lambda: self._on_seat("raise_hand", self._coin())),
            (2, lambda: self._on_seat("set_display_name", self.rng.choice(["Ada", "Zoë / \u2028", "x" * 100]))),
            (2, self._end),
            (4, lambda: self._any("expire", SILENT_MS)),
            (4, self._restore),
            (2, self._move),
            (2, lambda: self._on_seat("set_recording_opt_out", self._coin())),
            (4, self._control),
            (2, lambda: self._any("admit", [self._user(), self._user()], self._recent(self.incarnations))),
            (4, lambda: self._any("begin_recording", self._recording(), self._recent(self.sessions))),
            (3, lambda: self._any("end_recording", self._recording())),
            (4, self._keep_chat),
            (3, self._react),
            (2, lambda: self._any("chat", self._recent(self.sessions))),
            (1, lambda: self._any("summary")),
            (1, lambda: self._any("read", new_token())),
            (1, lambda: self._any("participants")),
            (1, lambda: self._any("participant", self._user())),
        ]
        weights = [weight for weight, _ in makers]
        return self.rng.choices([make for _, make in makers], weights)[0]()

    def _coin(self) -> bool:
        return self.rng.random() < 0.5

    def _user(self) -> UserId:
        return self.rng.choice(self.users)

    def _recording(self) -> RecordingId:
        return self.rng.choice(self.recordings)

    def _keep_chat(self) -> Call:
        target = self.rng.choice([None, self._user()])
        said = [
            ChatMessage(
                id=self.rng.choice(MESSAGES),
                user_id=self._user(),
                display_name='A "/" \\ 🎈',
                text=self.rng.choice(["hi", 'say "/" \\ 🎈\n']),
                sent_at="then",
                private=target is not None,
                target_user_id=target,
            )
            for _ in range(self.rng.randint(1, 3))
        ]
        return self._any("keep_chat", self._recent(self.sessions), said)

    def _react(self) -> Call:
        emoji = self.rng.choice([None, "👍", "❤️"])
        return self._any("react", self._recent(self.sessions), self.rng.choice(MESSAGES), self._user(), emoji)

    def _recent(self, items: Sequence[Any]) -> Any:
        """The last ones are the likeliest."""
        return items[-1 - min(int(self.rng.expovariate(0.5)), len(items) - 1)]

    def _any(self, name: str, *args: Any, **more: Any) -> Call:
        return Call(self.rng.randrange(HUBS), name, args, more)

    def _on_seat(self, name: str, *args: Any, **more: Any) -> Call:
        if not self.seats:
            return self._any(name, self._user(), ConnectionId("c"), "never", *args, **more)
        hub, me = self._recent(self.seats)
        return Call(hub, name, (me.user_id, me.connection_id, self._recent(self.incarnations), *args), more)

    def join(self) -> Call:
        """A JOIN, of somebody new or of who had a seat."""
        user, connection, returning = self._user(), ConnectionId(new_token("c")), None
        if self.seats and self.rng.random() < 0.4:
            _, was = self._recent(self.seats)
            user = was.user_id
            returning = self.rng.choice([was.resume, "wrong", None])
            connection = was.connection_id if self.rng.random() < 0.1 else connection
        seat = JoinSeat(
            user_id=user,
            connection_id=connection,
            display_name=self.rng.choice(["Ada", 'A "/" \\ 🎈\n']),
            role=self.rng.choice(["host", "attendee"]),
            is_muted=self._coin(),
            is_video_on=self._coin(),
            recording_opt_out=self._coin(),
            seat=SeatId(new_token("s")),
            resume=new_token("r"),
            returning=returning,
        )
        placement = Placement(
            region=self.rng.choice(["eu", "us"]),
            node=self.rng.choice([None, NodeId("n1"), NodeId("n2")]),
            session_id=SessionId(new_uuid()) if self._coin() else self._recent(self.sessions),
            was_open=self._coin(),
            recording=self.rng.choice([None, self._recording()]),
            incarnation=new_token("i"),
        )
        entry = self.rng.choice(["open", "open", "waits", "locked"])
        self.joins += 1
        limit = 0 if self.joins % 10 == 0 else LIMIT
        more = {"max_participants": limit, "placement": placement, "entry": entry}
        return Call(self.rng.randrange(HUBS), "join", (seat,), more, Ages(self._age(), removed=self._removed()))

    def _age(self) -> int:
        """Of an admission or a member. A removal is never so near to it: it is a multiple of 4 s old."""
        return self.rng.choice([-2_000, -2_000, 2_000, 18_000])

    def _removed(self) -> dict[UserId, int]:
        return {self._user(): 4_000} if self.rng.random() < 0.2 else {}

    def _remove_again(self) -> Call:
        """Of a removal that was done so long ago: 18 s are before all that is voided by `_removed`."""
        ages = Ages(done=self.rng.choice([2_000, 18_000]))
        return self._any("remove", self._user(), self._recent(self.sessions))._replace(ages=ages)

    def _keep_out(self) -> Call:
        ages = Ages(removed=self._removed())
        return self._any("keep_out", self._recent(self.sessions))._replace(ages=ages)

    def _leave(self) -> Call:
        call = self._on_seat("leave")
        user, connection, _ = call.args
        return call._replace(args=(user, connection, self.rng.choice(["left", "closed"])))

    def _update(self) -> Call:
        values = [None, True, False]
        return self._on_seat("update", is_muted=self.rng.choice(values), is_video_on=self.rng.choice(values))

    def _control(self) -> Call:
        return self._any(
            "control",
            self._user(),
            self._recent(self.incarnations),
            role=self.rng.choice([None, "host", "attendee"]),
            lowers_hand=self._coin(),
            is_spotlit=self.rng.choice([None, True, False]),
            permissions=self.rng.choice([None, Permissions(), Permissions(unmute=True, video=False)]),
        )

    def _end(self) -> Call:
        session = self._recent(self.sessions) if self._coin() else None
        return self._any("end", "host", session_id=session, only_if_empty_for_ms=self.rng.choice([None, 0, EMPTY_MS]))

    def _restore(self) -> Call:
        known = KnownRoom(
            region=self.rng.choice(["eu", "us"]),
            node=self.rng.choice([None, NodeId("n1"), NodeId("n2")]),
            session_id=self._recent(self.sessions),
            recording=self.rng.choice([None, self._recording()]),
        )
        mine = {me.user_id: me for _, me in self.seats[-4:] if self._coin()}
        ages = Ages(removed=self._removed(), joined=tuple(self._age() for _ in mine))
        more = {"known": known, "members": list(mine.values()), "new_incarnation": new_token("i")}
        return Call(self.rng.randrange(HUBS), "restore", (), more, ages)

    def _move(self) -> Call:
        nodes = [None, NodeId("n1"), NodeId("n2")]
        return self._any("move", self.rng.choice(nodes), self.rng.choice(nodes[1:]))
