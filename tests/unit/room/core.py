"""A meeting on a table: a test gives it inputs and answers its steps, in the order it likes."""

from __future__ import annotations

import itertools
from typing import Any, TypeVar

import msgspec

from tertulia.contract import calls, fields
from tertulia.contract.calls import CALLS
from tertulia.contract.events import JoinResult
from tertulia.contract.fields import Role
from tertulia.contract.settings import Settings
from tertulia.ids import ConnectionId, HubId, NodeId, RoomId, SeatId, SessionId, TenantId, UserId
from tertulia.room import effects, inputs, steps
from tertulia.room.answers import Answer, Joined, Left, Removed, RoomRecord, RoomSummary
from tertulia.room.effects import Effect
from tertulia.room.inputs import Input
from tertulia.room.meeting import Meeting
from tertulia.room.messages import JoinedMessage, LeftMessage
from tertulia.room.nodes import Nodes
from tertulia.room.participant import Participant
from tertulia.room.placement import Node
from tertulia.room.removals import KnownRemovals
from tertulia.room.settings import HubSettings
from tertulia.room.surroundings import Stateless, Surroundings
from tertulia.tokens import Admission, RoomClaims

E = TypeVar("E")

ROOM = RoomId("room")
HERE, THERE = HubId("here"), HubId("there")
HOST = UserId("host")
SESSION = SessionId("session")
SETTINGS = HubSettings(keep_alive=10)


class CountedNames:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def token(self) -> str:
        return f"token-{next(self._numbers)}"

    def uuid(self) -> str:
        return f"uuid-{next(self._numbers)}"


def node(name: str, region: str = "r") -> Node:
    """An SFU node."""
    return Node(id=NodeId(name), region=region, ip="192.0.2.1", ports=[40000], load=0, rooms=0, peers=0)


def member(user: str, connection: str, hub: HubId = THERE, **fields: Any) -> Participant:
    """A participant as the hash has it."""
    values: dict[str, Any] = {
        "user_id": UserId(user),
        "connection_id": ConnectionId(connection),
        "role": "attendee",
        "is_muted": False,
        "is_video_on": False,
        "joined_at": "then",
        "display_name": user,
        "hub": hub,
        "seat": SeatId(f"seat of {connection}"),
        "resume": f"resume of {connection}",
    }
    return Participant(**{**values, **fields})


def came(participant: Participant, **more: Any) -> inputs.Message:
    """The channel says that a member of another hub came."""
    return inputs.Message(
        JoinedMessage(origin=participant.hub, user_id=participant.user_id, participant=participant, **more)
    )


def left(participant: Participant, reason: fields.LeaveReason = "left", origin: str = THERE) -> inputs.Message:
    """The channel says that a member left."""
    return inputs.Message(LeftMessage.of(participant, reason, origin))


class Core:
    """The meeting, and everything that it decided."""

    def __init__(
        self, topology: fields.Topology = "p2p", settings: HubSettings = SETTINGS, *, is_heard: bool = True
    ) -> None:
        """``is_heard``: the channel is heard as soon as the meeting asks for it."""
        self.now = 100.0
        self._is_heard = is_heard
        self.nodes = Nodes("r")
        self.hub = Surroundings(
            hub=HERE,
            settings=settings,
            nodes=self.nodes,
            names=CountedNames(),
            stateless=Stateless(),
            removals=KnownRemovals(),
        )
        self.meeting = Meeting(ROOM, self.hub)
        self.effects: list[Effect] = []
        self.open: dict[int, steps.Step] = {}
        """Steps that wait for an answer, by ticket."""
        self.incarnation = "state"
        self.node: NodeId | None = None
        self.record = RoomRecord(
            host_user_id=HOST,
            settings=Settings(topology=topology, max_participants=10, is_recording_enabled=True),
            session_id=SESSION,
            recording=None,
        )

    # --- inputs

    def give(self, given: Input) -> list[Effect]:
        """An input; what follows is given, and kept."""
        made = self.meeting.handle(given, self.now)
        self.effects += made
        for effect in made:
            if isinstance(effect, effects.Run):
                self.open[effect.ticket] = effect.step
            elif isinstance(effect, effects.Subscribe) and self._is_heard:
                made = made + self.give(inputs.Subscribed())
        return made

    def step(self, kind: type[E]) -> E:
        """The oldest step of that kind that waits for its answer."""
        return next(step for step in self.open.values() if isinstance(step, kind))

    def asks(self, kind: type[steps.Step]) -> bool:
        """Whether a step of that kind waits for its answer."""
        return any(isinstance(step, kind) for step in self.open.values())

    def answer(self, kind: type[steps.Step], answer: Answer) -> list[Effect]:
        """Answer the oldest step of that kind."""
        ticket = next(t for t, step in self.open.items() if isinstance(step, kind))
        del self.open[ticket]
        return self.give(inputs.Answered(ticket, answer))

    def fail(self, kind: type[steps.Step], error: Exception) -> list[Effect]:
        """Let the oldest step of that kind fail."""
        ticket = next(t for t, step in self.open.items() if isinstance(step, kind))
        del self.open[ticket]
        return self.give(inputs.Failed(ticket, error))

    def due(self, kind: type[Any]) -> list[Effect]:
        """The timer of that kind that was set last strikes."""
        timer, at = next(
            (e.timer, e.at) for e in reversed(self.effects) if isinstance(e, effects.SetTimer) and type(e.timer) is kind
        )
        self.now = max(self.now, at)
        return self.give(inputs.TimerDue(timer))

    def call(self, connection: str, event: str, **payload: Any) -> list[Effect]:
        """A call of a member."""
        return self.give(inputs.Call(ConnectionId(connection), event, CALLS[event](**payload), 0.0))

    # --- joining

    def ask_to_join(
        self,
        user: str,
        connection: str,
        role: Role = "attendee",
        resume_token: str | None = None,
        received: int | None = None,
        *,
        is_guest: bool = False,
        is_muted: bool = False,
    ) -> list[Effect]:
        """JoinRoom, up to the script."""
        payload = calls.JoinRoom(
            room_id=ROOM, token="t", resume_token=resume_token, received=received, is_muted=is_muted
        )
        claims = RoomClaims(
            user_id=UserId(user),
            room_id=ROOM,
            role=role,
            tenant_id=TenantId("tenant"),
            display_name=user,
            region=None,
            admission=Admission(0, is_guest=is_guest),
            expires_at=10**9,
        )
        return self.give(inputs.Join(ConnectionId(connection), payload, claims, self.record, at=0.0))

    def joined(self, others: list[Participant], **fields: Any) -> Joined:
        """The answer to the join script that waits."""
        seat = self.step(steps.Join).seat
        new = member(
            seat.user_id, seat.connection_id, HERE, role=seat.role, seat=seat.seat, resume=seat.resume, joined_at="now"
        )
        values: dict[str, Any] = {
            "participant": new,
            "others": others,
            "region": "r",
            "node": self.node,
            "session_id": SESSION,
            "incarnation": self.incarnation,
            "recording": None,
            "replaced": None,
            "resumed": False,
            "first_of_session": False,
        }
        return Joined(**{**values, **fields})

    def join(
        self, user: str, connection: str, others: list[Participant] | None = None, role: Role = "attendee"
    ) -> JoinResult:
        """A whole JoinRoom, heard on the channel too. ``others``: who is there beside those of this hub."""
        self.ask_to_join(user, connection, role)
        here = [m for m in self.members.values() if m.user_id != user]
        known = {m.user_id for m in here}
        joined = self.joined(here + [m for m in others or [] if m.user_id not in known])
        self.answer(steps.Join, joined)
        self.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId(user), participant=joined.participant)))
        return self.result(connection)

    # --- what it decided

    @property
    def members(self) -> dict[str, Participant]:
        """Who is in the room, as shown to somebody who would join now."""
        return dict(self.meeting.members)

    def of(self, kind: type[E]) -> list[E]:
        """The effects of that kind, in order."""
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def events(self, connection: str) -> list[str]:
        """The names of the events that a connection was sent, the last word included."""
        return [
            effect.event.name
            for effect in self.effects
            if (isinstance(effect, effects.Deliver) and connection in effect.to)
            or (isinstance(effect, effects.LetGo) and effect.connection == connection)
        ]

    def texts(self, connection: str) -> list[str]:
        """The chat that a connection was sent."""
        sent = [e.event for e in self.of(effects.Deliver) if connection in e.to and e.event.name == "ChatMessage"]
        return [msgspec.json.decode(event.json())["text"] for event in sent]

    def answers(self, connection: str) -> list[object]:
        """The results of its calls, and the types of their errors."""
        given: list[object] = []
        for effect in self.effects:
            if isinstance(effect, effects.Reply) and effect.connection == connection:
                given.append(effect.result)
            elif isinstance(effect, effects.Refuse) and effect.connection == connection:
                given.append(type(effect.error))
        return given

    def result(self, connection: str) -> JoinResult:
        """Of its last JoinRoom."""
        return [a for a in self.answers(connection) if isinstance(a, JoinResult)][-1]

    def summary(self, **fields: Any) -> RoomSummary:
        """``room:{R}``."""
        values: dict[str, Any] = {
            "region": "r",
            "node": self.node,
            "session_id": SESSION,
            "incarnation": self.incarnation,
            "participant_count": len(self.members),
            "recording": None,
            "empty_for_ms": None,
        }
        return RoomSummary(**{**values, **fields})

    def clear(self) -> None:
        """Forget what was decided so far."""
        self.effects.clear()

    def removed(self, left: Left | None, at_ms: int = 1000) -> Removed:
        """The answer of the script that removes a user from the meeting."""
        return Removed(at_ms=at_ms, session_id=SESSION, left=left)

    def left(self, user: str, remaining: int = 1) -> Left:
        """The answer of a script that frees the user's seat."""
        return Left(participant=self.members[user], remaining=remaining)
