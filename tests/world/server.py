"""Redis as hubs and SFU nodes reach it: one server, and each client's connections for calls and for its channels.

The order is that of :mod:`tertulia.redis`: what one client sends arrives in order, replies come in order, and every
channel says the same to all of its subscribers, as long as their connections live.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from tertulia.errors import TertuliaError, Unavailable
from tertulia.ids import HubId, NodeId, RoomId
from tertulia.room.messages import RoomMessage
from tertulia.room.placement import Node
from tests.world.clock import Clock, Entry, Process
from tests.world.network import Pipe, Weather
from tests.world.redis import Redis
from tests.world.scripts import ModelState

CALL_SECONDS: Final = 3.0
"""The deadline of a call, as in production."""

NOTICED_AFTER: Final = (0.0, 0.1, 1.0, 5.0)
"""Seconds until a broken connection for channels is made anew: a silent one is asked each 3 s whether it lives."""

Work = Callable[[ModelState], Any]
Done = Callable[[Any], None]
"""Gets the reply, or the exception instead."""


class NodePort(Protocol):
    """An SFU node, as Redis knows it."""

    down: Pipe

    def entry(self) -> tuple[Node, float] | None: ...
    def hear(self, command: Any) -> None: ...


class Server:
    """One Redis. It may be away for a while, stand still, or forget."""

    def __init__(self, clock: Clock, weather: Weather) -> None:
        self.clock = clock
        self.weather = weather
        self.process = Process("redis")
        self.is_up = True
        self.model = Redis(self._publish, int(clock.now * 1000))
        self.links: list[Link] = []
        self.nodes: dict[NodeId, NodePort] = {}
        self.empty_since = 0.0
        """When it last lost what it knew, or could not be told: the registry of nodes fills again from then on."""
        self._heard_by: dict[RoomId, dict[Subscriber, None]] = {}

    def run(self, work: Work, origin: HubId, ttl_ms: int) -> Any:
        """A script, as an atomic step: its reply, or the error it stands for."""
        self.tick()
        try:
            return work(ModelState(self.model, origin, ttl_ms))
        except TertuliaError as e:
            return e

    def tick(self) -> None:
        """Set the model's clock."""
        self.model.now_ms = int(self.clock.now * 1000)

    def say(self, room: RoomId, message: RoomMessage) -> None:
        """SPUBLISH on a room's channel."""
        self._publish(room, message)

    def command(self, node: NodeId, command: Any) -> None:
        """SPUBLISH on the channel of an SFU node."""
        found = self.nodes.get(node)
        if found is not None:
            found.down.send(found.hear, command)

    def registry(self) -> list[tuple[Node, float]]:
        """The SFU nodes that are alive, and the ages of their heartbeats."""
        entries = [node.entry() for node in self.nodes.values()]
        return [entry for entry in entries if entry is not None]

    def subscribe(self, subscriber: Subscriber, room: RoomId, channel: Channel) -> None:
        """SSUBSCRIBE."""
        self._heard_by.setdefault(room, {})[subscriber] = None
        subscriber.down.send(subscriber.confirmed, room, channel)

    def unsubscribe(self, subscriber: Subscriber, room: RoomId) -> None:
        """SUNSUBSCRIBE."""
        self._heard_by.get(room, {}).pop(subscriber, None)

    def forget(self, subscriber: Subscriber) -> None:
        """A client's connection has ended."""
        for subscribers in self._heard_by.values():
            subscribers.pop(subscriber, None)

    def go(self) -> None:
        """Every connection breaks, and nobody gets a new one until :meth:`come_back`."""
        self.is_up = False
        for link in self.links:
            link.break_calls()
            link.break_channels()

    def come_back(self) -> None:
        """Connections can be made again."""
        self.is_up = True
        self.empty_since = self.clock.now

    def flush(self) -> None:
        """FLUSHALL."""
        self.model.flush()
        self.empty_since = self.clock.now

    def _publish(self, room: RoomId, message: RoomMessage) -> None:
        for subscriber in self._heard_by.get(room, ()):
            subscriber.down.send(subscriber.heard, room, message)


class _Call:
    __slots__ = ("deadline", "done", "work")

    def __init__(self, work: Callable[[], Any], done: Done | None, deadline: float) -> None:
        self.work = work
        self.done = done
        self.deadline = deadline


class Channel:
    """One subscription of a client."""

    __slots__ = ("is_known", "is_live", "on_confirmed", "on_failed", "on_gap", "on_message")

    def __init__(
        self,
        on_confirmed: Callable[[], None],
        on_message: Callable[[RoomMessage], None],
        on_gap: Callable[[], None],
        on_failed: Callable[[Exception], None],
    ) -> None:
        self.on_confirmed = on_confirmed
        self.on_message = on_message
        self.on_gap = on_gap
        self.on_failed = on_failed
        self.is_live = False
        self.is_known = False
        """It was confirmed once."""


class Subscriber:
    """A connection for channels, from its begin to its end."""

    __slots__ = ("_link", "down", "up")

    def __init__(self, link: Link) -> None:
        self._link = link
        self.up = Pipe(link.clock, link.weather, link.server.process)
        self.down = Pipe(link.clock, link.weather, link.process)

    def confirmed(self, room: RoomId, channel: Channel) -> None:
        self._link.confirmed(self, room, channel)

    def heard(self, room: RoomId, message: RoomMessage) -> None:
        self._link.heard(self, room, message)


class Link:
    """What one process knows of Redis: :class:`tertulia.redis.client.Redis` and its channels, in small."""

    def __init__(self, server: Server, process: Process, origin: HubId, ttl_ms: int) -> None:
        self.server = server
        self.process = process
        self.clock = server.clock
        self.weather = server.weather
        self._origin = origin
        self._ttl_ms = ttl_ms
        self._up = Pipe(self.clock, self.weather, server.process)
        self._down = Pipe(self.clock, self.weather, process)
        self._is_connected = True
        self._sent: deque[_Call] = deque()
        self._waiting: deque[_Call] = deque()
        self._overdue_at: Entry | None = None
        self._channels: dict[RoomId, Channel] = {}
        self._subscriber: Subscriber | None = Subscriber(self)
        server.links.append(self)

    # --- for the process

    def call(self, work: Work, done: Done) -> None:
        """Run a script; ``done`` gets its reply, or Unavailable within the deadline."""
        self._send(_Call(lambda: self.server.run(work, self._origin, self._ttl_ms), done, self._deadline()))

    def say(self, room: RoomId, message: RoomMessage) -> None:
        """Publish on a room's channel, behind the calls made before."""
        self._send(_Call(lambda: self.server.say(room, message), None, self._deadline()))

    def command(self, node: NodeId, command: Any) -> None:
        """Publish on a node's channel."""
        self._send(_Call(lambda: self.server.command(node, command), None, self._deadline()))

    def subscribe(self, room: RoomId, channel: Channel) -> None:
        """Hear a room's channel."""
        self._channels[room] = channel
        if self._subscriber is not None:
            self._subscriber.up.send(self.server.subscribe, self._subscriber, room, channel)
        self.clock.after(CALL_SECONDS, self.process, self._give_up, room, channel)

    def unsubscribe(self, room: RoomId) -> None:
        """Hear it no more."""
        self._channels.pop(room, None)
        if self._subscriber is not None:
            self._subscriber.up.send(self.server.unsubscribe, self._subscriber, room)

    def alive(self) -> bool:
        """Whether the registry can be read."""
        return self._is_connected and self.server.is_up and not self.server.process.is_frozen

    # --- what goes wrong

    def die(self) -> None:
        """The process is dead: its connections end."""
        self._up.cut()
        self.server.links.remove(self)
        if self._subscriber is not None:
            self._subscriber.up.cut()
            self.server.forget(self._subscriber)

    def break_calls(self) -> None:
        """The connection for calls breaks: what was sent fails, be it that it takes effect or not."""
        if self._is_connected:
            self._up.cut()
            self._down.cut()
            self._is_connected = False
            self.clock.at(self.clock.now, self.process, self._lost)

    def break_channels(self) -> None:
        """The connection for channels breaks: what is said meanwhile is missed."""
        if self._subscriber is not None:
            subscriber, self._subscriber = self._subscriber, None
            subscriber.up.cut()
            subscriber.down.cut()
            self.server.forget(subscriber)
            for channel in self._channels.values():
                channel.is_live = False
            noticed = self.weather.random.choice(NOTICED_AFTER)
            self.clock.after(noticed, self.process, self._subscribe_again)

    # --- calls

    def _deadline(self) -> float:
        return self.clock.now + CALL_SECONDS

    def _send(self, call: _Call) -> None:
        if self._is_connected:
            self._sent.append(call)
            self._up.send(self._arrived, call, self._down)
        else:
            self._waiting.append(call)
        if self._overdue_at is None:
            self._overdue_at = self.clock.at(call.deadline, self.process, self._overdue)

    def _arrived(self, call: _Call, down: Pipe) -> None:
        if self.server.is_up:
            down.send(self._replied, call, call.work())

    def _replied(self, call: _Call, reply: Any) -> None:
        if not self._sent or self._sent[0] is not call:
            return  # it has failed already
        self._sent.popleft()
        if call.done is not None:
            call.done(reply)

    def _lost(self) -> None:
        failed, self._sent = self._sent, deque()
        self._fail(failed)
        self.clock.after(self.weather.delay(), self.process, self._connect)

    def _fail(self, calls: deque[_Call]) -> None:
        for call in calls:
            if call.done is not None:
                call.done(Unavailable("Redis does not answer"))

    def _connect(self) -> None:
        if not self.server.is_up:
            self.clock.after(0.5, self.process, self._connect)
            return
        self._up = Pipe(self.clock, self.weather, self.server.process)
        self._down = Pipe(self.clock, self.weather, self.process)
        self._is_connected = True
        waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            self._sent.append(call)
            self._up.send(self._arrived, call, self._down)
        for channel in list(self._channels.values()):
            if channel.is_live:
                channel.on_gap()

    def _overdue(self) -> None:
        self._overdue_at = None
        now = self.clock.now
        overdue: deque[_Call] = deque()
        while self._waiting and self._waiting[0].deadline <= now:
            overdue.append(self._waiting.popleft())
        self._fail(overdue)
        if self._sent and self._sent[0].deadline <= now:
            self.break_calls()
            return
        pending = self._sent or self._waiting
        if pending and self._overdue_at is None:
            self._overdue_at = self.clock.at(pending[0].deadline, self.process, self._overdue)

    # --- channels

    def confirmed(self, subscriber: Subscriber, room: RoomId, channel: Channel) -> None:
        """Redis has confirmed a subscription."""
        if self._channels.get(room) is not channel or channel.is_live or subscriber is not self._subscriber:
            return
        channel.is_live = True
        if channel.is_known:
            channel.on_gap()
        else:
            channel.is_known = True
            channel.on_confirmed()

    def _give_up(self, room: RoomId, channel: Channel) -> None:
        if self._channels.get(room) is channel and not channel.is_known:
            self.unsubscribe(room)
            channel.on_failed(Unavailable("the subscription was not confirmed"))

    def heard(self, subscriber: Subscriber, room: RoomId, message: RoomMessage) -> None:
        """A channel says something."""
        channel = self._channels.get(room)
        if channel is not None and channel.is_live and subscriber is self._subscriber:
            channel.on_message(message)

    def _subscribe_again(self) -> None:
        if not self.server.is_up:
            self.clock.after(0.5, self.process, self._subscribe_again)
            return
        self._subscriber = Subscriber(self)
        for room, channel in self._channels.items():
            self._subscriber.up.send(self.server.subscribe, self._subscriber, room, channel)
