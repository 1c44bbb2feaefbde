"""A hub: the meetings of one web worker in the thinnest shell that keeps their promises."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from msgspec import Struct

from tertulia.contract.calls import CALLS, Empty, JoinRoom
from tertulia.contract.settings import Settings, SettingsChange
from tertulia.errors import TertuliaError, Unavailable
from tertulia.ids import ConnectionId, HubId, RecordingId, RoomId, UserId
from tertulia.room import commands, effects, inputs, steps
from tertulia.room.answers import Joined, RoomRecord
from tertulia.room.closing import GOING_AWAY, NOT_JOINED
from tertulia.room.line import Call, Departed, Farewell, Line, Overdue, Taken
from tertulia.room.meeting import Meeting
from tertulia.room.messages import RoomMessage
from tertulia.room.nodes import Nodes
from tertulia.room.permissions import check_seat
from tertulia.room.records import Asked, KnownRecords
from tertulia.room.removals import KnownRemovals
from tertulia.room.settings import HubSettings
from tertulia.room.surroundings import Stateless, Surroundings
from tertulia.room.timers import Timer
from tertulia.tokens import RoomClaims
from tests.world.client import Wire
from tests.world.clock import Entry, Process
from tests.world.server import Channel, Link, Server
from tests.world.sql import TENANT, Session, Sql
from tests.world.steps import SCRIPTS, TRANSACTIONS

Done = Callable[[Any], None]

REGION: Final = "r"
NODES_EVERY: Final = 0.3
"""Seconds; also between two heartbeats of a hub, by which it learns that Redis has lost what it knew."""
_EMPTY: Final = Empty()


class Counted:
    """Names that are the same in every run."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._count = 0

    def token(self) -> str:
        """The next one."""
        self._count += 1
        return f"{self._prefix}-{self._count:06}"

    uuid = token


class Conn:
    """A hub's record of a connection."""

    __slots__ = ("call_since", "is_here", "is_lost", "join_due", "joining", "line", "room", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.line = Line()
        self.room: RoomId | None = None
        """Where it has its seat."""
        self.joining: RoomId | None = None
        """Where its JoinRoom is under way."""
        self.is_here = True
        self.is_lost = False
        self.call_since = 0.0
        self.join_due: Entry | None = None

    def end_join_time(self) -> None:
        """It has joined, or is gone."""
        self.line.in_time()
        if self.join_due is not None:
            self.join_due.cancel()


class Hub:
    """The shell: it verifies tokens, keeps the calls of a connection in order, and carries out effects."""

    def __init__(
        self,
        name: str,
        server: Server,
        sql: Sql,
        settings: HubSettings,
        ttl: float,
        claims: dict[str, RoomClaims],
    ) -> None:
        self.id = HubId(name)
        self.process = Process(name)
        self.clock = server.clock
        self.weather = server.weather
        self.link = Link(server, self.process, self.id, round(ttl * 1000))
        self.settings = settings
        self.meetings: dict[RoomId, Meeting] = {}
        self.timers: dict[tuple[RoomId, Timer], Entry] = {}
        self.returned: set[ConnectionId] = set()
        """Connections that returned to a lost seat."""
        self.untold: list[str] = []
        """Who was to be recorded, and their clients had not been told."""
        self.log: Callable[[str, Any], None] | None = None
        """Gets every input and effect."""
        self._sql = sql
        self._records = KnownRecords()
        self._claims = claims
        self._conns: dict[ConnectionId, Conn] = {}
        self._requests: dict[int, tuple[float, Done]] = {}
        self._asked = 0
        self._recordings = 0
        self._inputs: deque[tuple[RoomId, inputs.Input]] = deque()
        self._is_handling = False
        self._answered: deque[Conn] = deque()
        """Whose call under way has been answered."""
        self.surroundings = Surroundings(
            hub=self.id,
            settings=settings,
            nodes=Nodes(REGION),
            names=Counted(name),
            stateless=Stateless(),
            removals=KnownRemovals(),
        )
        self._clocks_run = False
        self._is_known_since = self.clock.now
        """When it last beat."""
        self.clock.after(settings.reap * self.weather.random.random(), self.process, self._reap)

    # --- for connections

    def connected(self, wire: Wire) -> None:
        """A client is there."""
        conn = self._conns[wire.id] = Conn(wire)
        conn.join_due = self.clock.after(self.settings.join_within, self.process, self._too_late, conn)

    def called(self, wire: Wire, call: int, event: str, payload: Any) -> None:
        """A client calls."""
        conn = self._conns.get(wire.id)
        if conn is None or not conn.is_here:
            return
        made = Call(call, event, payload)
        if conn.line.take(made) is Taken.RUN:
            self._run(conn, made, has_waited=False)
        elif conn.room is not None:
            self.meetings[conn.room].heard(wire.id, self.clock.now)

    def disconnected(self, wire: Wire, clean: bool, some_lost: bool) -> None:
        """A client is gone."""
        conn = self._conns.get(wire.id)
        if conn is None or not conn.is_here:
            return
        conn.is_here, conn.is_lost = False, not clean
        conn.end_join_time()
        is_all = conn.line.gone(clean)
        room = conn.room or conn.joining
        if not clean and room is not None:
            self._give(room, inputs.ConnectionLost(wire.id, some_lost))
        elif conn.joining is not None:
            self._give(conn.joining, inputs.JoinAbandoned(wire.id))
        if is_all:
            self._departed(conn, clean)

    def stop(self) -> None:
        """Tell every client to go elsewhere."""
        for conn in self._conns.values():
            if conn.is_here:
                conn.wire.close(GOING_AWAY.code)

    # --- for the control plane

    def end_room(self, room: RoomId, reason: str, done: Done) -> None:
        """End the meeting for everyone."""
        self._give(room, inputs.EndRoom(self._ask(done), reason))

    def remove(self, room: RoomId, user: UserId, done: Done) -> None:
        """Remove a member."""
        self._give(room, inputs.RemoveParticipant(self._ask(done), user))

    def change_settings(self, room: RoomId, change: SettingsChange, done: Done) -> None:
        """PATCH of the room."""

        def changed(settings: Settings | Exception) -> None:
            if isinstance(settings, Exception):
                done(settings)
            else:
                self._give(room, inputs.SettingsChanged(self._ask(done), settings))

        self._sql.run(self.process, partial(self._sql.change_settings, room, change), changed)

    def start_recording(self, room: RoomId, done: Done) -> None:
        """Record the meeting."""
        self._recordings += 1
        recording = RecordingId(f"rest-{self.id}.{self._recordings:06}")
        self._give(room, inputs.StartRecording(self._ask(done), recording, "grid", "rest"))

    def stop_recording(self, room: RoomId, recording: RecordingId, done: Done) -> None:
        """End a recording."""
        self._give(room, inputs.StopRecording(self._ask(done), recording, "rest"))

    # --- what can be seen of it

    def connections(self) -> Iterable[Wire]:
        """Those that it holds."""
        return [conn.wire for conn in self._conns.values()]

    def waits(self, seconds: float = 0.0) -> list[str]:
        """What it has waited for at least so long."""
        before = self.clock.now - seconds
        calls = [
            f"{conn.line.under_way.event} of {conn.wire.id}"
            for conn in self._conns.values()
            if conn.line.under_way is not None and conn.call_since <= before
        ]
        return calls + [f"request {number}" for number, (since, _) in self._requests.items() if since <= before]

    # --- clocks

    def _start_clocks(self) -> None:
        """Look at the nodes and for silent seats, as long as there is a meeting."""
        self._read_nodes()
        if not self._clocks_run:
            self._clocks_run = True
            self._again(NODES_EVERY * self.weather.random.random(), self._see_nodes)
            self._again(self.settings.seat / 6 * self.weather.random.random(), self._sweep)

    def _again(self, seconds: float, work: Callable[[], None]) -> None:
        self.clock.after(seconds, self.process, work)

    def _read_nodes(self) -> bool:
        if self.link.alive():
            listed = self.link.server.registry()
            ages = {node.id: age for node, age in listed}
            self.surroundings.nodes.refresh([node for node, _ in listed], self.clock.now, ages)
            return True
        return False

    def _see_nodes(self) -> None:
        if not self.meetings:
            self._clocks_run = False
            return
        if self._read_nodes():
            has_forgotten = self._is_known_since < self.link.server.empty_since
            self._is_known_since = self.clock.now
            for room in list(self.meetings):
                self._give(room, inputs.NodesSeen())
                if has_forgotten:
                    self._give(room, inputs.Gap())
        self._again(NODES_EVERY * self._unevenly(), self._see_nodes)

    def _sweep(self) -> None:
        for room in list(self.meetings):
            self._give(room, inputs.Sweep())
        if self._clocks_run:
            self._again(self.settings.seat / 6 * self._unevenly(), self._sweep)

    def _unevenly(self) -> float:
        return 0.9 + 0.2 * self.weather.random.random()

    def _reap(self) -> None:
        self._sql.run(self.process, self._sql.to_reap, self._reap_these)
        self._again(self.settings.reap * self._unevenly(), self._reap)

    def _reap_these(self, sessions: list[tuple[Session, RecordingId | None, Settings]] | Exception) -> None:
        if isinstance(sessions, Exception):
            return
        self.surroundings.stateless.keep({session.id for session, *_ in sessions})
        for session, recording, settings in sessions:
            self._give(session.room, inputs.Reap(self._ask(_nothing), session.id, recording, settings))

    def _ask(self, done: Done) -> int:
        self._asked += 1
        self._requests[self._asked] = self.clock.now, done
        return self._asked

    # --- calls

    def _run(self, conn: Conn, call: Call, has_waited: bool) -> None:
        conn.call_since = self.clock.now
        try:
            check_seat(call.event, conn.room is not None)
        except TertuliaError as e:
            self._answer(conn, e)
            return
        if conn.room is None:
            self._begin_join(conn, call.payload)
        else:
            given = _EMPTY if CALLS[call.event] is Empty else call.payload
            self._give(conn.room, inputs.Call(conn.wire.id, call.event, given, self.clock.now, has_waited))

    def _begin_join(self, conn: Conn, payload: Any) -> None:
        claims = self._claims[payload.token]
        work = partial(self._sql.record, claims.room_id)
        self._sql.run(self.process, work, partial(self._join, conn, payload, claims, self._records.ask()))

    def _join(
        self, conn: Conn, payload: JoinRoom, claims: RoomClaims, asked: Asked, record: RoomRecord | Exception
    ) -> None:
        if isinstance(record, Unavailable):
            record = self._records.find(claims.room_id, claims.tenant_id) or record
        elif isinstance(record, RoomRecord):
            self._records.read(claims.room_id, asked, TENANT, record)
        if isinstance(record, Exception):
            self._answer(conn, record)
            return
        conn.joining = claims.room_id
        self._give(claims.room_id, inputs.Join(conn.wire.id, payload, claims, record))
        if conn.is_lost:
            self._give(claims.room_id, inputs.ConnectionLost(conn.wire.id, some_lost=True))

    def _answer(self, conn: Conn, answer: Struct | Exception) -> None:
        call = conn.line.under_way
        if call is None:
            raise AssertionError(f"no call of {conn.wire.id} is under way: {answer}")
        if isinstance(answer, Exception) and not isinstance(answer, TertuliaError):
            raise answer
        conn.joining = None
        if conn.is_here:
            if isinstance(answer, Exception):
                conn.wire.refuse(call.id, answer)
            else:
                conn.wire.reply(call.id, answer)
        self._answered.append(conn)
        if not self._is_handling:
            self._go_on()

    def _go_on(self) -> None:
        while self._answered:
            conn = self._answered.popleft()
            following = conn.line.done()
            if isinstance(following, Call):
                self._run(conn, following, has_waited=True)
            elif isinstance(following, Farewell):
                self._part(conn, following)
            elif isinstance(following, Departed):
                self._departed(conn, following.clean)
            elif isinstance(following, Overdue) and conn.room is None:
                self._too_late(conn)

    def _too_late(self, conn: Conn) -> None:
        if conn.room is None and conn.line.too_late():
            conn.wire.close(NOT_JOINED.code)

    def _part(self, conn: Conn, farewell: Farewell) -> None:
        if conn.is_here:
            conn.wire.send(farewell.event)
            conn.wire.close(farewell.close.code)

    def _departed(self, conn: Conn, clean: bool) -> None:
        if clean and conn.room is not None:
            self._give(conn.room, inputs.ConnectionClosed(conn.wire.id))
        del self._conns[conn.wire.id]

    # --- inputs and effects

    def _give(self, room: RoomId, given: inputs.Input) -> None:
        """One at a time, each when the effects of the one before were carried out."""
        self._inputs.append((room, given))
        if self._is_handling:
            return
        self._is_handling = True
        while self._inputs:
            self._handle(*self._inputs.popleft())
        self._is_handling = False
        self._go_on()

    def _handle(self, room: RoomId, given: inputs.Input) -> None:
        meeting = self.meetings.get(room)
        if meeting is None:
            if not isinstance(given, _OPENING):
                return
            meeting = self.meetings[room] = Meeting(room, self.surroundings)
            self._start_clocks()
        if self.log is not None:
            self.log(f"{self.id} <-", given)
        told = meeting.handle(given, self.clock.now)
        if any(type(effect) is effects.Publish for effect in told) and self.weather.chance(0.3):
            told = sorted(told, key=lambda effect: type(effect) is not effects.Publish)
        for effect in told:
            if self.log is not None:
                self.log(f"{self.id} ->", effect)
            _CARRY_OUT[type(effect)](self, room, effect)

    def _deliver(self, room: RoomId, effect: effects.Deliver) -> None:
        for connection in effect.to:
            conn = self._conns.get(connection)
            if conn is not None and conn.is_here:
                conn.wire.send(effect.event)
            elif conn is not None and not conn.is_lost:
                conn.wire.client.is_sent(effect.event)  # who has said goodbye needs to be told nothing

    def _reply(self, room: RoomId, effect: effects.Reply) -> None:
        self._answer(self._conns[effect.connection], effect.result)

    def _refuse(self, room: RoomId, effect: effects.Refuse) -> None:
        self._answer(self._conns[effect.connection], effect.error)

    def _let_go(self, room: RoomId, effect: effects.LetGo) -> None:
        conn = self._conns.get(effect.connection)
        farewell = Farewell(effect.event, effect.close)
        if conn is not None and conn.line.let_go(farewell):
            self._part(conn, farewell)

    def _sat(self, room: RoomId, effect: effects.Sat) -> None:
        conn = self._conns[effect.connection]  # its JoinRoom is being answered
        conn.room = room
        conn.end_join_time()

    def _stood(self, room: RoomId, effect: effects.Stood) -> None:
        conn = self._conns.get(effect.connection)
        if conn is not None:
            conn.room = None

    def _run_step(self, room: RoomId, effect: effects.Run) -> None:
        step, ticket = effect.step, effect.ticket
        done = partial(self._done, room, ticket, self._records.ask())
        transaction = TRANSACTIONS.get(type(step))
        if transaction is not None:
            self._sql.run(self.process, partial(transaction, self._sql, room, step), done)
        elif type(step) in _MAY_WAIT and self.weather.chance(0.1):
            self.clock.after(self.weather.delay(), self.process, self._run_script, room, step, done)
        else:
            self._run_script(room, step, done)

    def _run_script(self, room: RoomId, step: steps.Step, done: Done) -> None:
        script = SCRIPTS[type(step)]
        self.link.call(lambda state: script(state, room, step), done)

    def _done(self, room: RoomId, ticket: inputs.Ticket, asked: Asked, reply: Any) -> None:
        if isinstance(reply, Joined):
            self.returned.discard(reply.participant.connection_id)
            if reply.resumed:
                self.returned.add(reply.participant.connection_id)
        if isinstance(reply, RoomRecord):
            self._records.read(room, asked, TENANT, reply)
        answer = inputs.Failed(ticket, reply) if isinstance(reply, Exception) else inputs.Answered(ticket, reply)
        self._give(room, answer)

    def _set_timer(self, room: RoomId, effect: effects.SetTimer) -> None:
        self._cancel_timer(room, effect)
        key = room, effect.timer
        self.timers[key] = self.clock.at(effect.at, self.process, self._due, room, effect.timer)

    def _cancel_timer(self, room: RoomId, effect: effects.SetTimer | effects.CancelTimer) -> None:
        entry = self.timers.pop((room, effect.timer), None)
        if entry is not None:
            entry.cancel()

    def _due(self, room: RoomId, timer: Timer) -> None:
        del self.timers[room, timer]
        self._give(room, inputs.TimerDue(timer))

    def _subscribe(self, room: RoomId, effect: effects.Subscribe) -> None:
        channel = Channel(
            lambda: self._give(room, inputs.Subscribed()),
            lambda message: self._hear(room, message),
            lambda: self._give(room, inputs.Gap()),
            lambda error: self._give(room, inputs.NotSubscribed(error)),
        )
        self.link.subscribe(room, channel)

    def _hear(self, room: RoomId, message: RoomMessage) -> None:
        self._give(room, inputs.Message(message))

    def _unsubscribe(self, room: RoomId, effect: effects.Unsubscribe) -> None:
        self.link.unsubscribe(room)

    def _publish(self, room: RoomId, effect: effects.Publish) -> None:
        self.link.say(room, effect.message)

    def _tell(self, room: RoomId, effect: effects.Tell) -> None:
        if isinstance(effect.command, commands.Offer | commands.Record) and effect.command.recording is not None:
            self._check_told(effect.command.transport, effect.command.recording)
        self.link.command(effect.node, effect.command)
        if effect.answers is not None:
            self._answer(self._conns[effect.answers], _EMPTY)

    def _check_told(self, transport: str, recording: str) -> None:
        for conn in self._conns.values():
            if not (conn.is_here or conn.is_lost):
                continue  # who has said goodbye needs to be told nothing
            owner = conn.wire.client.world.owners.get(transport)
            if owner is conn.wire.client and recording not in owner.told:
                self.untold.append(f"{owner} is recorded in {recording}, and was told of {owner.told}")

    def _resolve(self, room: RoomId, effect: effects.Resolve) -> None:
        self._requests.pop(effect.request)[1](effect.result)

    def _reject(self, room: RoomId, effect: effects.Reject) -> None:
        if not isinstance(effect.error, TertuliaError):
            raise effect.error
        self._requests.pop(effect.request)[1](effect.error)

    def _unused(self, room: RoomId, effect: effects.Unused) -> None:
        if any(key[0] == room for key in self.timers):
            raise AssertionError(f"{self.id} forgets a room whose timers are set: {list(self.timers)}")
        del self.meetings[room]

    def _ignore(self, room: RoomId, effect: effects.Effect) -> None:
        pass


_MAY_WAIT: Final = (steps.Expire, steps.Move)
"""The hub's own clock runs only so many of these at once: they may be sent a little later than others."""

_OPENING: Final = (
    inputs.Join,
    inputs.EndRoom,
    inputs.RemoveParticipant,
    inputs.SettingsChanged,
    inputs.Reap,
    inputs.StartRecording,
    inputs.StopRecording,
)
"""What makes a meeting where the hub has none."""

_CARRY_OUT: Final[dict[type, Callable[[Hub, RoomId, Any], None]]] = {
    effects.Deliver: Hub._deliver,
    effects.Reply: Hub._reply,
    effects.Refuse: Hub._refuse,
    effects.LetGo: Hub._let_go,
    effects.Sat: Hub._sat,
    effects.Stood: Hub._stood,
    effects.Returned: Hub._ignore,
    effects.Run: Hub._run_step,
    effects.SetTimer: Hub._set_timer,
    effects.CancelTimer: Hub._cancel_timer,
    effects.Subscribe: Hub._subscribe,
    effects.Unsubscribe: Hub._unsubscribe,
    effects.Publish: Hub._publish,
    effects.Tell: Hub._tell,
    effects.Resolve: Hub._resolve,
    effects.Reject: Hub._reject,
    effects.Log: Hub._ignore,
    effects.Unused: Hub._unused,
}


def _nothing(_: Any) -> None:
    pass
