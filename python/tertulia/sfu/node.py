"""One SFU node: a media thread, with all that hubs and it say to each other.

Media does not depend on Redis: while Redis is away the engine goes on, and the next heartbeat registers the node again.
A node that was cut off, or stood still, asks Redis where its rooms live by now, and ends those that have moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog
from msgspec.structs import asdict

from tertulia.config import Config
from tertulia.errors import Unavailable
from tertulia.ids import NodeId, RoomId
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room import commands, messages
from tertulia.room.placement import GivenUp, Node
from tertulia.sfu import _sfu
from tertulia.sfu.agent import Agent, EngineEvent, Message
from tertulia.sfu.leases import Leases
from tertulia.sfu.load import Load
from tertulia.sfu.overload import Choose, Overload, Weigh
from tertulia.sfu.shares import Shares
from tertulia.sfu.sharing import Sharing
from tertulia.sfu.turns import Turns
from tertulia.state import keys
from tertulia.state.inflows import TenantInflows

EVENTS_PER_TURN: Final = 256
"""Engine events handled in one turn of the event loop: some milliseconds."""
CHECK_SECONDS: Final = 5.0
"""How often the node asks where its rooms live."""
CHECKED_AT_ONCE: Final = 100
"""Rooms asked for in one turn."""
STUCK_SECONDS: Final = 10.0
"""A media thread that stands still for so long will not turn again: its process has to be replaced. Its rooms have
moved long before."""

_log = structlog.get_logger(__name__)


class MediaNode:
    """Its process sends the heartbeats: :meth:`look`, :meth:`entry`, and then :meth:`too_much` and :meth:`beaten`."""

    def __init__(
        self,
        node: NodeId,
        config: Config,
        redis: Redis,
        channels: Channels,
        engine: _sfu.Sfu,
        leave: Callable[[], None],
    ) -> None:
        """``leave`` is called when its process is to be taken out of service."""
        self.id = node
        self.failure: str | None = None
        """Why its thread serves nobody any more."""
        self._region = config.region
        self._redis = redis
        self._channels = channels
        self._engine = engine
        self._leave = leave
        self._leases = Leases()
        shares = Shares(config.sfu_room_mbits * 1000)
        self._sharing = Sharing(shares, TenantInflows(redis, node), engine)
        now = time.monotonic()
        self._overload = Overload(node, config.region, config.sfu_max_load / 100, now)
        self._agent = Agent(node, engine, self._leases, shares, self._overload)
        self._load = Load(now)
        self._turns = Turns(now)
        self._still = 0.0
        self._check_at = now + CHECK_SECONDS

    async def open(self) -> None:
        """Hear commands and events. Raises Unavailable."""
        asyncio.get_running_loop().add_reader(self._engine.fileno(), self._on_events)
        await self._channels.subscribe(keys.sfu_commands(self.id), self._on_command, self._on_gap)

    def tell(self) -> None:
        """Say in the log that it runs, and where."""
        _log.info("SFU node runs", node=self.id, region=self._region, addresses=self._engine.addresses)

    def close(self) -> None:
        """Hear no events any more."""
        asyncio.get_running_loop().remove_reader(self._engine.fileno())

    @property
    def peers(self) -> int:
        """How many clients have their media from here."""
        return 0 if self.failure is not None else self._engine.stats()["peers"]

    # --- heartbeats

    def look(self, now: float) -> None:
        """Whether its thread turns; and have it turn once until the next look."""
        self._still = self._turns.still(self._engine.turns(), now)
        if self._still > STUCK_SECONDS:
            self._fail("a thread stands still")
        self._engine.wake()

    def entry(self, now: float, *, draining: bool) -> Node:
        """What the registry is to say of it."""
        counted = self._engine.stats()
        return Node(
            id=self.id,
            region=self._region,
            ip=self._engine.addresses[0][0],
            ports=[self._engine.port],
            load=round(self._load.measure(counted["cpu_micros"] / 1e6, now), 3),
            rooms=counted["rooms"],
            peers=counted["peers"],
            recordings=self._engine.recording_stats().get("running", 0),
            peers_limited=counted["peers_limited"],
            limited_kilobits=counted["limited_kilobits"],
            videos_paused=counted["videos_paused"],
            draining=draining,
            gives_up=self.given,
            still=round(self._still, 2),
        )

    async def beaten(self, now: float, *, draining: bool) -> None:
        """Redis has the heartbeat: do what is due. A node that drains is left by its clients themselves. Raises
        Unavailable."""
        for message in self._agent.again(now):
            self._publish(message)
        if not draining:
            await self._check_rooms(now)
        await self._sharing.go_on(self._leases.rooms(), now)

    def was_away(self, now: float) -> None:
        """The process stood still: rooms may live elsewhere by now."""
        self._check_at = now

    # --- the end

    async def stop(self) -> None:
        """Close the peers that are left, and tell the hubs."""
        try:
            await asyncio.to_thread(self._engine.stop)
        except OSError as e:  # the thread failed, or does not end
            _log.warning("a media thread did not stop cleanly", node=self.id, error=str(e))
        while events := self._engine.drain(EVENTS_PER_TURN):
            self._tell(events)

    def _fail(self, why: str) -> None:
        """The process has to be replaced; it finds that out at the next heartbeat."""
        if self.failure is None:
            _log.error("an SFU node has failed", node=self.id, reason=why)
            self.failure = why

    # --- too much to do

    def too_much(self, now: float) -> Mapping[RoomId, float] | None:
        """What each room costs that may go, where this node has too much to do. None: it has not, or that is not known
        yet."""
        match self._overload.beat(self._load.last, self._load.own, self._leases.rooms(), now):
            case Choose(costs):
                return costs
            case Weigh():
                try:
                    self._engine.weigh()
                except (_sfu.Overloaded, _sfu.Stopped):
                    self._overload.not_weighed()
        return None

    def give_up(self, costs: Mapping[RoomId, float], nodes: Collection[Node], now: float) -> None:
        """Give up rooms to one of the nodes that are well, if that helps: hubs know of it by the next heartbeat."""
        given = self._overload.choose(costs, nodes, now)
        if given is not None:
            _log.info("an SFU node with much to do gives up rooms", node=self.id, **asdict(given))
        else:
            _log.warning("the SFU node has too much to do, and no room that goes would help", node=self.id)

    @property
    def given(self) -> GivenUp | None:
        """The rooms that hubs are to move."""
        return self._overload.given

    # --- rooms that live elsewhere by now

    async def _check_rooms(self, now: float) -> None:
        """End the rooms that have moved to another node, and those that no hub knows any more. A room that is given up
        is left by the clients themselves."""
        if now < self._check_at:
            return
        self._check_at = now + CHECK_SECONDS
        rooms = self._leases.rooms()
        for first in range(0, len(rooms), CHECKED_AT_ONCE):
            await asyncio.gather(*[self._check_room(room) for room in rooms[first : first + CHECKED_AT_ONCE]])
        # Heartbeats may go again before commands come, which is when the leases are renewed.
        if self._channels.is_live(keys.sfu_commands(self.id)):
            for room in self._leases.abandoned(now):
                self._end(room, "no hub knows a room any more")

    async def _check_room(self, room: RoomId) -> None:
        key = keys.room(room)
        lives_on = await self._redis.call(key, "HGET", key, "sfuNode")
        if lives_on and lives_on.decode() != self.id and not self._overload.is_leaving(room):
            self._end(room, "a room has moved to another SFU node")

    def _end(self, room: RoomId, why: str) -> None:
        _log.info(why, room=room, node=self.id)
        with contextlib.suppress(_sfu.Overloaded, _sfu.Stopped):  # looked at again
            self._engine.end(room)
            self._agent.ended(room)

    # --- commands and events

    def _on_command(self, data: bytes) -> None:
        if data == commands.DRAIN:
            self._leave()
            return
        for message in self._agent.command(data, time.monotonic()):
            self._publish(message)

    def _on_gap(self) -> None:
        # A client without an answer, or without media, offers again. Ends that were missed are found out.
        _log.info("commands to the SFU node may have been lost", node=self.id)
        now = time.monotonic()
        self._leases.renew(now)
        self._check_at = now

    def _on_events(self) -> None:
        self._tell(self._engine.drain(EVENTS_PER_TURN))

    def _tell(self, events: list[EngineEvent]) -> None:
        for event in events:
            if isinstance(event, _sfu.Failed):
                self._fail(f"the media thread on port {self._engine.port} has ended: {event.reason}")
                continue
            message = self._agent.event(event)
            if message is not None:
                self._publish(message)

    def _publish(self, message: Message) -> None:
        with contextlib.suppress(Unavailable):  # logged by the client of Redis
            self._channels.publish(keys.room_events(message.room), messages.encode(message.event))
