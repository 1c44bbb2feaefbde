"""The hub: what transports call, and who does it. One per web worker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from typing import Any, Final

import structlog

from tertulia.contract.calls import CALLS, MAY_LACK_PAYLOAD, Empty, JoinRoom
from tertulia.contract.fields import Layout
from tertulia.contract.settings import Settings
from tertulia.db.admissions import Admissions
from tertulia.db.audit_queue import AuditQueue
from tertulia.db.directory import Directory
from tertulia.db.keyring import Keyring
from tertulia.db.recordings import Recordings
from tertulia.errors import BadToken, NotJoined, RateLimited, TertuliaError, UnknownEvent
from tertulia.guesses import Guesses
from tertulia.hub import metrics
from tertulia.hub.client import NO_CALL, CallId, Client
from tertulia.hub.clock import Clock
from tertulia.hub.connection import Connection
from tertulia.hub.connections import Connections
from tertulia.hub.meetings import Meetings
from tertulia.hub.steps import Steps
from tertulia.hub.tasks import Tasks
from tertulia.ids import HubId, RecordingId, RoomId, UserId
from tertulia.limits import Lease, SharedLimit
from tertulia.pace import Pace
from tertulia.redis.channels import Channels
from tertulia.room import closing, inputs
from tertulia.room.effects import Effect
from tertulia.room.line import Call, Departed, Farewell, Taken, text_of
from tertulia.room.nodes import Nodes
from tertulia.room.permissions import check_room, check_seat
from tertulia.room.placement import Node
from tertulia.room.rate import (
    ANOTHER_JOIN,
    MOST_CONNECTIONS,
    UserRates,
    Verdict,
    Who,
    cost_of,
    cost_of_bytes,
    cost_of_parts,
)
from tertulia.room.removals import KnownRemovals
from tertulia.room.settings import HubSettings
from tertulia.room.surroundings import RandomNames, Stateless, Surroundings
from tertulia.state.registry import Registry
from tertulia.state.rooms import RoomState
from tertulia.state.seats import TenantSeats
from tertulia.strict_json import parts_of
from tertulia.tokens import RoomClaims
from tertulia.validation import read

STOP_WITHIN: Final = 3.0
"""Seconds that clients get to go when the hub stops."""
CLOSED_A_TURN: Final = 8
"""Connections that have not joined in time and are closed in one turn of the event loop: those that came at once are
due at once."""

_DONE: Final = Empty()
_NONE: Final[list[Effect]] = []
_log = structlog.get_logger(__name__)


class Hub:
    """Synchronous callbacks on one event loop. The rules are those of :mod:`tertulia.room`; this is their shell."""

    def __init__(
        self,
        *,
        settings: HubSettings,
        hub_id: HubId,
        rooms: RoomState,
        seats: TenantSeats,
        channels: Channels,
        nodes: Registry[Node],
        directory: Directory,
        admissions: Admissions,
        recordings: Recordings,
        keys: Keyring,
        audit: AuditQueue,
        guesses: Guesses,
        take: Lease,
        default_region: str,
    ) -> None:
        """``rooms`` must have ``hub_id`` as its origin. ``take`` is from the buckets that all web workers share."""
        self.id: Final = hub_id
        self.settings: Final = settings
        self._keys = keys
        self._guesses = guesses
        self._connections = Connections(audit, keys.now)
        self._joins = SharedLimit("join of", _joins_per_second(settings), take)
        self._rates = UserRates(settings.calls_per_second, settings.burst, settings.limited_for)
        self._tasks = Tasks()
        self._stopping = False
        self._all_gone = asyncio.Event()
        self._closing = Pace(CLOSED_A_TURN)
        self._steps = Steps(rooms, seats, directory, admissions, recordings, self._tasks, keys.now)
        surroundings = Surroundings(
            hub=hub_id,
            settings=settings,
            nodes=Nodes(default_region),
            names=RandomNames(),
            stateless=Stateless(),
            removals=KnownRemovals(),
        )
        self._meetings = Meetings(surroundings, channels, self._steps, self._connections, self._tasks, self._go_on)
        self._clock = Clock(surroundings, self._meetings, self._steps, nodes, directory, recordings)

    # --- for transports

    def connected(self, client: Client) -> None:
        """A client is there. It has ``join_within`` seconds to join a room."""
        connection = Connection(client, self._rates.new(time.monotonic()))
        self._connections.add(connection)
        if self._stopping:
            client.close(*closing.GOING_AWAY)
            return
        loop = asyncio.get_running_loop()
        connection.join_timer = loop.call_later(self.settings.join_within, self._time_to_join_over, connection)

    def admits(self, client: Client, size: int) -> Verdict:
        """A client has sent something of ``size`` bytes, whatever it is: counted before it is read. Unless it is
        admitted, it is not to be read, and the transport calls :meth:`limited`. To be asked before each :meth:`call`
        and :meth:`malformed`."""
        connection = self._connections.get(client.id)
        if connection is None:
            return Verdict.REFUSE
        return connection.rate.call(time.monotonic(), cost_of_bytes(size))

    def weigh(self, client: Client, parts: int, inflated: int = 0) -> None:
        """What was admitted may have so many lists and objects, and values in them, and has so many bytes more than
        came: counted before it is read, too."""
        connection = self._connections.get(client.id)
        if connection is not None:
            connection.rate.charge(cost_of_parts(parts) + cost_of_bytes(inflated) - 1)

    def limited(self, client: Client, call: CallId = NO_CALL, *, is_keep_alive: bool = False) -> None:
        """What a client has sent was not admitted. ``call``: it is to be refused, unless it is a KeepAlive that keeps a
        seat; NO_CALL: it is none."""
        connection = self._connections.get(client.id)
        if connection is None:
            return
        if is_keep_alive and connection.meeting is not None and connection.rate.keep_alive(time.monotonic()):
            self.call(client, call, "KeepAlive", None)
            return
        if call is not NO_CALL:
            metrics.calls("", "rate_limited").inc()
            client.refuse(call, self._too_many())
        if connection.rate.is_over:
            client.close(*closing.RATE_LIMITED)

    def call(self, client: Client, call: CallId, event: str, payload: object) -> None:
        """A client calls ``event``: answered by ``client.reply`` or ``client.refuse``, at once or later.

        ``payload`` is what a JSON parser returned (None: none), or the contract's struct already. Calls of one client
        take effect in the order of these calls, but for KeepAlive while a host has to answer its JoinRoom: refused at
        once, it says that the connection lives.
        """
        connection = self._connections.get(client.id)
        if connection is None:
            return
        is_counted = connection.meeting is not None
        connection.rate.charge(_cost(connection, event) - 1)
        if connection.line.is_idle():
            self._begin(connection, call, event, payload)
            return
        connection.heard()
        if event == "KeepAlive" and connection.is_waiting:
            error = NotJoined("a host has still to let you in")
            self._connections.refuse_call(connection, Call(call, event, payload), error)
        elif connection.line.take(Call(call, event, payload, is_counted)) is Taken.TOO_MANY:
            client.refuse(call, RateLimited("too many calls wait for an earlier one"))

    def malformed(self, client: Client, call: CallId, error: TertuliaError) -> None:
        """A client sent what is no call: refused with ``error``."""
        connection = self._connections.get(client.id)
        if connection is not None:
            connection.heard()
            self._connections.refuse_call(connection, Call(call, "", None), error)

    def disconnected(self, client: Client, clean: bool, *, some_lost: bool = False) -> None:
        """A client is gone. ``clean``: it said so (close code 1000, 1001 or none), and leaves at once; else it keeps
        its seat. ``some_lost``: events it was sent are known not to have reached it."""
        connection = self._connections.client_gone(client)
        if connection is None:
            return
        connection.end_join_time()
        is_all = connection.line.gone(clean)
        if not clean:
            connection.is_lost = True
            meeting = connection.meeting or connection.joining
            if meeting is not None:
                self._meetings.tell(meeting, inputs.ConnectionLost(connection.id, some_lost))
        elif connection.joining is not None:
            self._meetings.tell(connection.joining, inputs.JoinAbandoned(connection.id))
        if is_all:
            self._departed(connection, clean)
        if not len(self._connections):
            self._all_gone.set()

    # --- for the composition root and REST

    async def start(self) -> None:
        """Read the registry of nodes, begin what is done by the clock. Raises Unavailable."""
        await self._clock.read_nodes()
        self._clock.start(self._tasks)

    async def stop(self, hand_over_within: float = 0) -> None:
        """Tell every client 1012 and wait (bounded) until they are gone; their seats stay, so that they can return
        elsewhere. What was kept for those who do so within ``hand_over_within`` seconds is handed over."""
        self._stopping = True
        self._all_gone.clear()
        for connection in self._connections.here:
            connection.client.close(*closing.GOING_AWAY)
        if len(self._connections):
            try:
                await asyncio.wait_for(self._all_gone.wait(), STOP_WITHIN)
            except TimeoutError:
                _log.warning("clients did not go in time", clients=len(self._connections))
        with contextlib.suppress(TimeoutError):  # who has not returned by then may do so later, and misses something
            await asyncio.wait_for(self._connections.none_seated.wait(), hand_over_within)
        self._meetings.close()
        await self._tasks.stop()
        metrics.settle()

    @property
    def has_meetings(self) -> bool:
        """Whether anybody is in a meeting here."""
        return len(self._meetings) > 0

    def redis_forgot(self) -> None:
        """Redis may have come back empty: every room is read again, and written where it is lost."""
        self._meetings.tell_all(inputs.Gap())

    async def end_room(self, room: RoomId, reason: str) -> bool:
        """End the meeting for everyone and close its session; False: there is none. Raises Unavailable."""
        return await self._meetings.ask(room, lambda request: inputs.EndRoom(request, reason))

    async def remove_participant(self, room: RoomId, user: UserId, *, ban: bool = False) -> bool:
        """Remove a user and void their tokens for the meeting; with ``ban``, a guest's for good. False: there is no
        meeting. Raises Unavailable."""
        return await self._meetings.ask(room, lambda request: inputs.RemoveParticipant(request, user, ban))

    async def settings_changed(self, room: RoomId, settings: Settings) -> None:
        """The room's settings were changed in SQL to these: they hold from now on in its meeting."""
        self._steps.settings_changed(room, settings)
        if not self._meetings.is_heard(room):
            self._tasks.spawn(self._steps.keep_anew(room))  # else it is read as soon as the channel says so
        await self._meetings.ask(room, lambda request: inputs.SettingsChanged(request, settings))

    async def start_recording(self, room: RoomId, recording: RecordingId, layout: Layout, by: str) -> None:
        """Record the meeting; ``by`` is who asks, for the log. May be called again with the same id.

        Raises:
            Forbidden, NoSession, AlreadyRecording
            Unavailable: it may still begin; what SQL knows of is completed by the next reaping.
        """
        await self._meetings.ask(room, lambda request: inputs.StartRecording(request, recording, layout, by))

    async def stop_recording(self, room: RoomId, recording: RecordingId, by: str) -> None:
        """End a recording, whether it goes on or not: in SQL, in Redis, on the SFU nodes. Raises Unavailable."""
        await self._meetings.ask(room, lambda request: inputs.StopRecording(request, recording, by))

    # --- calls

    def _too_many(self) -> RateLimited:
        rate = self.settings.calls_per_second
        return RateLimited(f"more than {rate:g} calls a second")

    def _count_late(self, connection: Connection, call: Call) -> None:
        """Count a call that came before its connection had a seat, now that it has one. Raises RateLimited."""
        if call.is_counted or connection.meeting is None:
            return
        now, rate = time.monotonic(), connection.rate
        text = text_of(call).encode(errors="surrogatepass")
        cost = _cost(connection, call.event) - 1 + cost_of_bytes(len(text)) + cost_of_parts(parts_of(text))
        if rate.call(now, cost) is not Verdict.ADMIT and not (call.event == "KeepAlive" and rate.keep_alive(now)):
            raise self._too_many()

    async def _count_join(self, connection: Connection, who: Who) -> None:
        """Count a JoinRoom of this user, here and with those at other web workers. Raises RateLimited."""
        if connection.who != who and self._rates.connections(who) >= MOST_CONNECTIONS:
            raise RateLimited(f"you have {MOST_CONNECTIONS} connections in this room: close those that have left")
        now = time.monotonic()
        rate = connection.belongs_to(who, self._rates, now)
        connection.sits_free = rate.is_full(now)
        if rate.call(now) is not Verdict.ADMIT:
            raise self._too_many()
        await self._joins.take(" ".join(who), now)

    def _begin(self, connection: Connection, call: CallId, event: str, payload: Any) -> None:
        """Carry out a call behind which none waits: nearly all of them, and most are answered at once."""
        meeting, made, is_answered = connection.meeting, _NONE, False
        try:
            payload = _checked(event, payload, meeting is not None)
            if meeting is not None:
                given = inputs.Call(connection.id, event, payload, self._keys.now())
                made, is_answered = meeting.call(given, time.monotonic())
        except Exception as e:  # noqa: BLE001 - the caller is told, the log too
            connection.heard()
            self._connections.refuse_call(connection, Call(call, event, payload), e)
            return
        if not is_answered:
            connection.line.take(Call(call, event, payload))
        if meeting is None:
            connection.client.widen(wide=True)  # what is sent behind it need not wait for its answer
            self._tasks.spawn(self._join(connection, payload))
            return
        self._meetings.perform(meeting, made)
        if is_answered:
            metrics.calls(event, "ok").inc()
            connection.client.reply(call, _DONE)
        else:
            self._go_on()

    def _run(self, connection: Connection, call: Call) -> None:
        """Carry out a call that has waited, and is under way now."""
        meeting = connection.meeting
        try:
            self._count_late(connection, call)
            payload = _checked(call.event, call.payload, meeting is not None)
            if meeting is None:
                connection.client.widen(wide=True)
                self._tasks.spawn(self._join(connection, payload))
            else:
                given = inputs.Call(connection.id, call.event, payload, self._keys.now(), has_waited=True)
                self._meetings.feed(meeting, given)
        except Exception as e:  # noqa: BLE001 - the caller is told, the log too
            self._connections.refuse(connection.id, e)

    async def _join(self, connection: Connection, payload: JoinRoom) -> None:
        """What a meeting needs to know before it takes a JoinRoom: who calls, and what the room is."""
        try:
            claims = connection.claims = await self._verified(connection, payload.token)
            room = RoomId(payload.room_id.lower())
            check_room(claims, room)
            await self._count_join(connection, (room, claims.user_id))
            record = await self._steps.prepare_join(room, claims)
            meeting = connection.joining = self._meetings.open(room)
            self._meetings.feed(meeting, inputs.Join(connection.id, payload, claims, record, self._keys.now()))
            if connection.is_lost:
                self._meetings.feed(meeting, inputs.ConnectionLost(connection.id, some_lost=True))
        except Exception as e:  # noqa: BLE001 - the caller is told, the log too
            self._connections.refuse(connection.id, e)
        self._go_on()

    async def _verified(self, connection: Connection, token: str) -> RoomClaims:
        """What a room token says. One that is not valid counts against the address that it came from.

        Raises:
            BadToken, RateLimited, Unavailable
        """
        address = connection.client.address
        refusal = self._guesses.refusal(address)
        if refusal is not None:
            raise refusal
        try:
            return await self._keys.verify_room(token)
        except BadToken:
            await self._guesses.failed(address)
            raise

    def _go_on(self) -> None:
        """After calls were answered: last words, the calls that waited, the end of the connection; in this order."""
        answered = self._connections.answered
        while answered:
            connection = answered.popleft()
            following = connection.line.done()
            if following is None:
                continue  # as nearly always
            if isinstance(following, Call):
                self._run(connection, following)
            elif isinstance(following, Farewell):
                self._connections.part(connection, following)
            elif isinstance(following, Departed):
                self._departed(connection, following.clean)
            elif connection.meeting is None:
                self._too_late(connection)

    # --- the ends of connections

    def _time_to_join_over(self, connection: Connection) -> None:
        connection.join_timer = None
        self._closing.run(partial(self._too_late, connection))

    def _too_late(self, connection: Connection) -> None:
        if connection.meeting is None and connection.line.too_late():
            connection.client.close(*closing.NOT_JOINED)

    def _departed(self, connection: Connection, clean: bool) -> None:
        """The client is gone, and all its calls were answered."""
        if clean and connection.meeting is not None:
            connection.rate.charge(_cost(connection, "LeaveRoom"))
            self._meetings.tell(connection.meeting, inputs.ConnectionClosed(connection.id))
        self._connections.remove(connection)
        connection.belongs_to_nobody(self._rates, time.monotonic())


def _joins_per_second(settings: HubSettings) -> int:
    """Of one user at all web workers; 0: any number."""
    rate = settings.calls_per_second
    return max(1, round(rate / ANOTHER_JOIN)) if rate else 0


def _cost(connection: Connection, event: str) -> int:
    meeting = connection.meeting
    return 1 if meeting is None else cost_of(event, len(meeting.members))


def _checked(event: str, payload: object, is_seated: bool) -> Any:
    """The payload as its struct; where a call has none, null is as good as ``{}``. Raises UnknownEvent, AlreadyJoined,
    NotJoined, Invalid."""
    kind = CALLS.get(event)
    if type(payload) is kind and is_seated is not (kind is JoinRoom):
        return payload
    if kind is None:
        raise UnknownEvent("there is no such call: see the events in docs/protocol.md")
    check_seat(event, is_seated)
    return read(kind, {} if payload is None and kind in MAY_LACK_PAYLOAD else payload, null_is_absent=True)
