"""The meetings of this worker, and the shell around them: it carries out their effects and knows no rules."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import structlog

from tertulia.contract.calls import Empty
from tertulia.errors import Malformed, Unavailable
from tertulia.hub import metrics
from tertulia.hub.connections import Connections
from tertulia.hub.steps import Steps
from tertulia.hub.tasks import Tasks
from tertulia.ids import RoomId, UserId
from tertulia.redis.channels import Channels
from tertulia.room import commands, effects, inputs, messages
from tertulia.room.answers import Answer
from tertulia.room.effects import Deliver, Effect, Reply
from tertulia.room.inputs import Input
from tertulia.room.meeting import Meeting
from tertulia.room.surroundings import Surroundings
from tertulia.room.timers import Timer
from tertulia.state import keys

_DONE: Final = Empty()
_RESOLVED_WITHIN: Final = 60.0
"""Seconds: what a request takes has deadlines of its own, which are shorter."""
_log: Final = structlog.get_logger(__name__)


class _Running:
    """A meeting, with what runs for it outside."""

    __slots__ = ("meeting", "subscribing", "timers")

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.timers: dict[Timer, asyncio.TimerHandle] = {}
        self.subscribing: asyncio.Task[None] | None = None


class Meetings:
    """By room. A meeting is made when somebody asks for it, and forgotten once it says that it is not used."""

    def __init__(
        self,
        surroundings: Surroundings,
        channels: Channels,
        steps: Steps,
        connections: Connections,
        tasks: Tasks,
        go_on: Callable[[], None],
    ) -> None:
        """``go_on`` is called after the effects of each input: connections whose call was answered may go on."""
        self._surroundings = surroundings
        self._channels = channels
        self._steps = steps
        self._connections = connections
        self._tasks = tasks
        self._go_on = go_on
        self._running: dict[RoomId, _Running] = {}
        self._requests: dict[int, asyncio.Future[bool]] = {}
        self._numbers = itertools.count(1)
        self._performers = self._all_performers()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._running)

    @property
    def rooms(self) -> list[RoomId]:
        """Of which rooms."""
        return list(self._running)

    def seated(self) -> list[tuple[RoomId, list[UserId]]]:
        """Who has a seat, in each meeting."""
        return [(room, [seat.user_id for seat in running.meeting.seats]) for room, running in self._running.items()]

    def is_heard(self, room: RoomId) -> bool:
        """Whether the room's channel is heard here, since somebody is in it."""
        running = self._running.get(room)
        return running is not None and running.subscribing is not None

    # --- inputs

    def open(self, room: RoomId) -> Meeting:
        """The meeting of a room. To be given an input in the same turn of the event loop."""
        running = self._running.get(room)
        if running is None:
            running = self._running[room] = _Running(Meeting(room, self._surroundings))
        return running.meeting

    def feed(self, meeting: Meeting, given: Input) -> None:
        """Give a meeting an input and carry out what follows; calls that were answered are gone on with later."""
        running = self._running.get(meeting.id)
        if running is not None and running.meeting is meeting:  # else nothing of it is of any use any more
            self.perform(meeting, meeting.handle(given, time.monotonic()))

    def perform(self, meeting: Meeting, made: list[Effect]) -> None:
        """Carry out what a meeting has decided just now."""
        running, connections = self._running[meeting.id], self._connections
        for effect in made:
            try:
                if isinstance(effect, Deliver):
                    event, get = effect.event, connections.get
                    metrics.EVENTS.inc(len(effect.to))
                    for connection_id in effect.to:
                        connection = get(connection_id)
                        if connection is not None and not connection.client.send(event):
                            meeting.superseded(connection_id, event.latest)
                elif isinstance(effect, Reply):
                    connections.reply(effect.connection, effect.result, effect.target)
                else:
                    self._performers[type(effect)](running, effect)
            except Exception:  # noqa: BLE001 - the other effects are carried out
                _log.exception("a fault of ours in an effect", room=meeting.id, effect=type(effect).__name__)

    def tell(self, meeting: Meeting, given: Input) -> None:
        """As :meth:`feed`, and go on. A fault of ours is logged: nobody waits for an answer to this input."""
        try:
            self.feed(meeting, given)
        except Exception:  # noqa: BLE001 - the other meetings go on
            _log.exception("a fault of ours in a meeting", room=meeting.id, input=type(given).__name__)
        self._go_on()

    def tell_one(self, room: RoomId, given: Input) -> None:
        """Give the meeting of a room an input, if there is one."""
        running = self._running.get(room)
        if running is not None:
            self.tell(running.meeting, given)

    def tell_all(self, given: Input) -> None:
        """Give every meeting an input."""
        for running in list(self._running.values()):
            self.tell(running.meeting, given)

    async def ask(self, room: RoomId, make: Callable[[inputs.Request], Input]) -> bool:
        """Give the meeting of a room a request, and wait for what it resolves to. Raises what it is rejected with,
        Unavailable if it takes too long."""
        number = next(self._numbers)
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._requests[number] = future
        try:
            self.feed(self.open(room), make(number))
            self._go_on()
            async with asyncio.timeout(_RESOLVED_WITHIN):
                return await future
        except TimeoutError:
            raise Unavailable("the meeting does not answer: try again") from None
        finally:
            del self._requests[number]

    def close(self) -> None:
        """No timer, and no message of any channel, any more."""
        for room, running in self._running.items():
            for timer in running.timers.values():
                timer.cancel()
            self._hear_no_more(room, running)
        self._running.clear()

    # --- effects

    def _all_performers(self) -> dict[type[Any], Callable[[_Running, Any], None]]:
        connections = self._connections
        return {
            effects.Refuse: lambda _, e: connections.refuse(e.connection, e.error),
            effects.LetGo: lambda _, e: connections.let_go(e),
            effects.Sat: lambda running, e: connections.sat(e.connection, running.meeting),
            effects.Stood: lambda _, e: connections.stood(e.connection),
            effects.Returned: lambda _, e: metrics.RESUMED.labels(missed=str(e.some_lost).lower()).inc(),
            effects.Run: self._run,
            effects.SetTimer: self._set_timer,
            effects.CancelTimer: self._cancel_timer,
            effects.Subscribe: self._subscribe,
            effects.Unsubscribe: self._unsubscribe,
            effects.Publish: self._publish,
            effects.Tell: self._tell_node,
            effects.Resolve: lambda _, e: self._resolve(e.request, lambda future: future.set_result(e.result)),
            effects.Reject: lambda _, e: self._resolve(e.request, lambda future: future.set_exception(e.error)),
            effects.Log: self._log_for,
            effects.Unused: self._forget,
        }

    def _run(self, running: _Running, effect: effects.Run) -> None:
        work = self._steps.run(running.meeting.id, effect.step)
        self._tasks.spawn(self._answer(running.meeting, effect.ticket, work))

    async def _answer(self, meeting: Meeting, ticket: inputs.Ticket, work: Awaitable[Answer]) -> None:
        given: Input
        try:
            given = inputs.Answered(ticket, await work)
        except Exception as e:  # noqa: BLE001 - the meeting decides what follows
            given = inputs.Failed(ticket, e)
        self.tell(meeting, given)

    def _set_timer(self, running: _Running, effect: effects.SetTimer) -> None:
        self._cancel_timer(running, effect)
        loop = asyncio.get_running_loop()
        after = effect.at - time.monotonic()
        running.timers[effect.timer] = loop.call_later(after, self._due, running, effect.timer)

    def _cancel_timer(self, running: _Running, effect: effects.SetTimer | effects.CancelTimer) -> None:
        handle = running.timers.pop(effect.timer, None)
        if handle is not None:
            handle.cancel()

    def _due(self, running: _Running, timer: Timer) -> None:
        del running.timers[timer]
        self.tell(running.meeting, inputs.TimerDue(timer))

    def _subscribe(self, running: _Running, effect: effects.Subscribe) -> None:
        metrics.ROOMS.inc()
        running.subscribing = self._tasks.spawn(self._hear(running.meeting))

    async def _hear(self, meeting: Meeting) -> None:
        def on_message(data: bytes) -> None:
            try:
                message = messages.decode(data)
            except Malformed as e:
                _log.warning("room message ignored", room=meeting.id, error=e.message)
                return
            self.tell(meeting, inputs.Message(message))

        def on_gap() -> None:
            self.tell(meeting, inputs.Gap())

        try:
            await self._channels.subscribe(keys.room_events(meeting.id), on_message, on_gap)
        except Exception as e:  # noqa: BLE001 - the meeting decides what follows
            metrics.ROOMS.dec()
            self.tell(meeting, inputs.NotSubscribed(e))
        else:
            self.tell(meeting, inputs.Subscribed())

    def _unsubscribe(self, running: _Running, effect: effects.Unsubscribe) -> None:
        metrics.ROOMS.dec()
        self._hear_no_more(running.meeting.id, running)

    def _hear_no_more(self, room: RoomId, running: _Running) -> None:
        if running.subscribing is not None:
            running.subscribing.cancel()
            running.subscribing = None
            self._channels.unsubscribe(keys.room_events(room))

    def _publish(self, running: _Running, effect: effects.Publish) -> None:
        with contextlib.suppress(Unavailable):  # logged by the client of Redis
            self._channels.publish(keys.room_events(running.meeting.id), messages.encode(effect.message))

    def _tell_node(self, running: _Running, effect: effects.Tell) -> None:
        unheard = None
        if isinstance(effect.command, commands.Offer) and effect.answers is not None:
            unheard = partial(self.tell, running.meeting, inputs.OfferUnheard(effect.answers, effect.node))
        try:
            self._channels.publish(keys.sfu_commands(effect.node), commands.encode(effect.command), unheard)
        except Unavailable as e:  # logged by the client of Redis
            if effect.answers is not None:
                self._connections.refuse(effect.answers, e)
            return
        if effect.answers is not None:
            self._connections.reply(effect.answers, _DONE)

    def _resolve(self, request: inputs.Request, resolve: Callable[[asyncio.Future[bool]], None]) -> None:
        future = self._requests.get(request)
        if future is not None and not future.done():  # else whoever asked has gone
            resolve(future)

    def _forget(self, running: _Running, effect: effects.Unused) -> None:
        del self._running[running.meeting.id]

    def _log_for(self, running: _Running, effect: effects.Log) -> None:
        log = _log.warning if effect.is_warning else _log.info
        log(effect.text, room=running.meeting.id, **effect.fields)
