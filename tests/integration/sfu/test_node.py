"""``tertulia sfu`` as hubs know it: the registry, its channel, its end, and Redis going away under it."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from tertulia.config import load
from tertulia.errors import Unavailable
from tertulia.ids import NodeId, RecordingId, RoomId, SeatId, TenantId, TransportId, UserId, new_uuid
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.room import commands, messages
from tertulia.room.placement import GivenUp, Node
from tertulia.sfu import _sfu, leases, overload
from tertulia.sfu import node as sfu_node
from tertulia.sfu import process as sfu_process
from tertulia.sfu.agent import EngineEvent
from tertulia.state import keys, registry
from tertulia.state.connection import connect_redis
from tertulia.state.inflows import TenantInflows
from tests.integration import servers
from tests.integration.sfu.desk import SECONDS, Client
from tests.integration.sfu.test_port import assert_stun_answers
from tests.waiting import until, until_answered

ROOM = RoomId(new_uuid())


def settings(redis_url: str, recordings: Path) -> dict[str, str]:
    return {
        "TERTULIA_RECORDINGS_DIR": str(recordings),
        "TERTULIA_REDIS_URL": redis_url,
        "TERTULIA_REGION": "eu-1",
        "TERTULIA_SFU_BIND": "127.0.0.1",
        "TERTULIA_SFU_WORKERS": "2",
    }


async def the_node(redis: Redis, wanted: Callable[[Node], bool] = lambda node: True) -> Node:
    """The first node of the registry, once it is there and as wanted. A registry has no events."""

    async def found() -> Node | None:
        alive = await registry.sfu_nodes(redis).alive()
        return alive[0] if alive and wanted(alive[0]) else None

    return await until_answered(found)


class RoomChannel:
    """The hub's side: commands to the node, its messages to the client."""

    def __init__(self, channels: Channels, node: Node) -> None:
        self.node = node
        self._channels = channels
        self.messages: list[messages.EventMessage] = []
        self.back = asyncio.Event()
        """Set when the subscription is in force again after a loss."""
        self._news = asyncio.Event()

    def receive(self, data: bytes) -> None:
        message = messages.decode(data)
        assert isinstance(message, messages.EventMessage)
        self.messages.append(message)
        self._news.set()

    def command(self, command: commands.Command | bytes) -> None:
        data = command if isinstance(command, bytes) else commands.encode(command)
        self._channels.publish(keys.sfu_commands(self.node.id), data)

    async def next(self, event: str, where: Callable[[Any], bool] = lambda payload: True) -> Any:
        """The payload of the next such event, taken out; its address is checked."""
        async with asyncio.timeout(SECONDS):
            while True:
                for message in self.messages:
                    payload = json.loads(bytes(message.payload))
                    if message.event == event and where(payload):
                        self.messages.remove(message)
                        return payload
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def hub(redis_url: str) -> AsyncIterator[tuple[Redis, Channels]]:
    redis = await connect_redis(redis_url)
    channels = Channels(redis)
    try:
        yield redis, channels
    finally:
        await channels.close()
        await redis.close()


@asynccontextmanager
async def room_channel(channels: Channels, node: Node) -> AsyncIterator[RoomChannel]:
    channel = RoomChannel(channels, node)
    await channels.subscribe(keys.room_events(ROOM), channel.receive, channel.back.set)
    yield channel
    channels.unsubscribe(keys.room_events(ROOM))


class Member(Client):
    """A client whose calls go by way of the node's channel."""

    def __init__(self, channel: RoomChannel) -> None:
        self.channel = channel
        super().__init__(_Desk(self), ROOM)  # type: ignore[arg-type]
        self._pump = asyncio.create_task(self._deliver())

    async def _deliver(self) -> None:
        kinds = {"ReceiveAnswer": _sfu.Answer, "ReceiveOffer": _sfu.Offer}
        while True:
            for message in [m for m in self.channel.messages if m.event in kinds and m.to == self.user_id]:
                self.channel.messages.remove(message)
                payload = json.loads(bytes(message.payload))
                assert (message.seat, payload["sourceUserId"]) == (self.seat, self.transport)
                self.inbox.put_nowait(
                    kinds[message.event](ROOM, self.transport, self.user_id, self.seat, payload["sdp"])
                )
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        self._pump.cancel()
        await super().close()


class _Desk:
    """What a client knows of its desk, over the channel."""

    def __init__(self, member: Member) -> None:
        self.clients: dict[str, Client] = {}
        self.engine = _Engine(member)


def offer(
    transport: TransportId,
    seat: SeatId,
    user_id: UserId,
    sdp: str,
    name: str = "",
    recording: RecordingId | None = None,
) -> commands.Offer:
    return commands.Offer(
        room=ROOM, transport=transport, seat=seat, user_id=user_id, name=name, recording=recording, sdp=sdp
    )


class _Engine:
    def __init__(self, member: Member) -> None:
        self._member = member

    @property
    def port(self) -> int:
        return self._member.channel.node.port

    def offer(
        self,
        room: RoomId,
        transport: TransportId,
        user_id: UserId,
        seat: SeatId,
        sdp: str,
        *,
        name: str,
        recording: RecordingId | None,
    ) -> None:
        assert room == ROOM
        self._member.channel.command(offer(transport, seat, user_id, sdp, name, recording))

    def answer(self, transport: TransportId, sdp: str) -> None:
        self._member.channel.command(commands.Answer(room=ROOM, transport=transport, sdp=sdp))

    def close(self, transport: TransportId) -> None:
        self._member.channel.command(commands.Close(room=ROOM, transport=transport))


async def test_a_node_registers_serves_and_says_goodbye(redis_url: str, server_dir: Path) -> None:
    async with hub(redis_url) as (redis, channels):
        with servers.tertulia_sfu(server_dir, settings=settings(redis_url, server_dir / "recordings")) as process:
            node, other = await registry.sfu_nodes(redis).alive()
            for one in (node, other):
                assert (one.region, one.ip, one.rooms, one.peers, one.draining) == ("eu-1", "127.0.0.1", 0, 0, False)
                assert len(one.ports) == 1
                await assert_stun_answers(one.port)
            assert node.port != other.port
            async with room_channel(channels, node) as channel:
                channel.command(b'{"op": "dance"}')
                channel.command(b"\xff")
                ann, bob = Member(channel), Member(channel)
                for member in (ann, bob):
                    await member.publish()
                    await member.offer()
                for member in (ann, bob):
                    await member.connected()
                    await member.decodes(1)
                await the_node(redis, lambda node: (node.rooms, node.peers) == (1, 2) and 0 < node.load <= 1)
                assert (await registry.sfu_nodes(redis).alive())[1].peers == 0
                nobody = (TransportId("t"), SeatId("s"), UserId("u"))
                channel.command(offer(*nobody, "nonsense"))
                assert (await channel.next("SfuError"))["code"] == "invalid_sdp"
                await bob.close()
                ended = lambda payload: payload["state"] == "closed"  # noqa: E731
                assert (await channel.next("TransportState", ended))["transportId"] == bob.transport

                process.signal(signal.SIGTERM)
                assert (await channel.next("TransportState", ended))["transportId"] == ann.transport
                assert await asyncio.to_thread(process.wait) == 0
                assert await registry.sfu_nodes(redis).alive() == []
                await ann.close()


async def test_rooms_on_two_nodes_share_the_quota_of_their_tenant(server_dir: Path) -> None:
    """Of 1 Mbit/s, half is left for this room when 100 are wanted elsewhere."""
    tenant = TenantId(new_uuid())
    limit = commands.Limit(room=ROOM, tenant=tenant, tenant_mbits=1)
    with servers.embedded_valkey(server_dir) as (_, redis_url):
        async with hub(redis_url) as (redis, channels):
            elsewhere = TenantInflows(redis, NodeId("another"))
            with servers.tertulia_sfu(server_dir, settings=settings(redis_url, server_dir / "recordings")):
                async with room_channel(channels, await the_node(redis)) as channel:
                    ann, bob = Member(channel), Member(channel)
                    await ann.publish()
                    for member in (ann, bob):
                        await member.offer()
                    await bob.decodes(1)
                    channel.command(limit)
                    async with asyncio.timeout(SECONDS):
                        while sum(await elsewhere.share(tenant, [50])) < 550:  # the camera's own rate, some 700 kbit/s
                            assert not any(message.event == "MediaLimited" for message in channel.messages)
                            await asyncio.sleep(0.1)
                        while not any(message.event == "MediaLimited" for message in channel.messages):
                            await elsewhere.share(tenant, [100_000])
                            await asyncio.sleep(0.1)
                    assert await channel.next("MediaLimited") == {"limit": "tenant"}
                    await ann.close()
                    await bob.close()
                    async with asyncio.timeout(SECONDS):
                        while await elsewhere.share(tenant, [100_000]) != []:
                            await asyncio.sleep(0.1)


COUNTERS: Final = ("cpu_micros", "rooms", "peers", "peers_limited", "limited_kilobits", "videos_paused")


class StandIn:
    """An engine with so many clients and something to say."""

    addresses: Final = [("127.0.0.1", 40_000)]
    port: Final = 40_000

    def __init__(self, peers: int, *events: EngineEvent) -> None:
        self.peers = peers
        self._events = list(events)
        self._reader, writer = socket.socketpair()
        self._reader.setblocking(False)
        writer.close()

    def fileno(self) -> int:
        return self._reader.fileno()

    def drain(self, most: int) -> list[EngineEvent]:
        events, self._events = self._events[:most], self._events[most:]
        return events

    def stats(self) -> dict[str, int]:
        return dict.fromkeys(COUNTERS, 0) | {"peers": self.peers}

    def turns(self) -> list[int]:
        return []

    def wake(self) -> None:
        pass

    def recording_stats(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        self._reader.close()

    def stop(self) -> None:
        self._events.append(_sfu.ActiveSpeakers(ROOM, []))
        raise OSError("it has failed before")


FAILED: Final = _sfu.Failed("the core fails again and again")


async def test_a_node_with_a_failed_thread_says_goodbye_too(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hub(redis_url) as (redis, channels):
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await channels.subscribe(keys.room_events(ROOM), heard.put_nowait, lambda: None)
        with closing(StandIn(3, FAILED)) as engine, pytest.raises(Unavailable, match="again and again"):
            monkeypatch.setattr(sfu_process, "start_engine", lambda *_: engine)
            await sfu_process.run_nodes(load({"TERTULIA_REDIS_URL": redis_url}))
        message = messages.decode(await asyncio.wait_for(heard.get(), SECONDS))
        assert isinstance(message, messages.EventMessage)
        assert message.event == "ActiveSpeakers"
        assert await registry.sfu_nodes(redis).alive() == []


async def test_where_one_thread_fails_the_clients_of_the_others_leave_the_process_first(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Node(id=NodeId("other"), region="local", ip="192.0.2.1", ports=[1], load=0, rooms=0, peers=0)
    async with hub(redis_url) as (redis, _):
        nodes = registry.sfu_nodes(redis)
        with closing(StandIn(3, FAILED)) as failed, closing(StandIn(1)) as healthy:
            engines = iter((failed, healthy))
            monkeypatch.setattr(sfu_process, "start_engine", lambda *_: next(engines))
            await nodes.beat(other)
            settings = {"TERTULIA_REDIS_URL": redis_url, "TERTULIA_SFU_WORKERS": "2"}
            running = asyncio.create_task(sfu_process.run_nodes(load(settings)))

            async def draining() -> bool:
                await nodes.beat(other)
                alive = await nodes.alive()
                drain = {node.draining for node in alive if node.id != other.id}
                assert len(drain) < 2, "together"
                return len(alive) == 3 and drain == {True}

            await until_answered(draining)
            await nodes.beat(other)
            assert not running.done()
            healthy.peers = 0
            with pytest.raises(Unavailable, match="again and again"):
                await asyncio.wait_for(running, SECONDS)
            assert await nodes.alive() == [other]
            await nodes.leave(other.id)


class Busy(StandIn):
    """Its thread has no time left, and spends it on the rooms that were offered, all alike."""

    def __init__(self) -> None:
        super().__init__(2)
        self.rooms: list[str] = []
        self.ended: list[str] = []

    def stats(self) -> dict[str, int]:
        return super().stats() | {"cpu_micros": int(time.monotonic() * 1e6)}

    def offer(self, room: str, *_: object, **more: object) -> None:
        self.rooms.append(room)

    def weigh(self) -> None:
        self._events += [_sfu.Forwarded(room, int(time.monotonic() * 1000)) for room in self.rooms]

    def end(self, room: str) -> None:
        self.ended.append(room)


async def test_a_busy_node_says_which_rooms_it_gives_up_and_keeps_that_until_its_clients_have_gone(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {"SETTLED": 0.0, "SMOOTHED": 0.1, "WEIGHED_FOR": 0.3, "GIVEN_FOR": 1.0, "KEPT_FOR": 3.0}
    for name, value in seconds.items():
        monkeypatch.setattr(overload, name, value)
    monkeypatch.setattr(sfu_node, "CHECK_SECONDS", 0.1)
    idle = Node(id=NodeId("idle"), region="local", ip="192.0.2.1", ports=[1], load=0, rooms=0, peers=0)
    async with hub(redis_url) as (redis, channels):
        nodes = registry.sfu_nodes(redis)
        with closing(Busy()) as engine:
            monkeypatch.setattr(sfu_process, "start_engine", lambda *_: engine)
            running = asyncio.create_task(sfu_process.run_nodes(load({"TERTULIA_REDIS_URL": redis_url})))
            node = await the_node(redis)
            for room in (ROOM, RoomId(new_uuid())):
                command = replace(offer(TransportId(room), SeatId("s"), UserId("u"), "v=0"), room=room)
                channels.publish(keys.sfu_commands(node.id), commands.encode(command))

            async def given_up() -> GivenUp | None:
                await nodes.beat(idle)
                return next(entry for entry in await nodes.alive() if entry.id == node.id).gives_up

            given = await until_answered(given_up)
            assert given.to == idle.id
            [leaving] = given.rooms
            assert leaving in engine.rooms
            await redis.call(keys.room(leaving), "HSET", keys.room(leaving), "sfuNode", idle.id)
            halfway = time.monotonic() + overload.KEPT_FOR / 2
            said = [await given_up()]
            while time.monotonic() < halfway:
                said.append(await given_up())
                assert engine.ended == []
            assert (said[0], said[-1]) == (given, None)
            await until(lambda: engine.ended)
            assert set(engine.ended) == {leaving}
            channels.publish(keys.sfu_commands(node.id), commands.DRAIN)
            engine.peers = 0
            await running
            await nodes.leave(idle.id)


async def test_media_goes_on_without_redis_and_the_node_registers_again(server_dir: Path) -> None:
    port = servers.free_port()
    with closing(_Servers(server_dir, port)) as redis_server:
        url = redis_server.start()
        with servers.tertulia_sfu(server_dir, settings=settings(url, server_dir / "recordings")) as process:
            async with hub(url) as (redis, channels):
                node = await the_node(redis)
                async with room_channel(channels, node) as channel:
                    ann, bob = Member(channel), Member(channel)
                    for member in (ann, bob):
                        await member.publish()
                        await member.offer()
                    for member in (ann, bob):
                        await member.decodes(1)
                    redis_server.kill()
                    await asyncio.to_thread(process.wait_for_log, "the SFU node could not send its heartbeat")
                    await asyncio.gather(ann.decodes_more(30), bob.decodes_more(30))
                    with pytest.raises(Unavailable):
                        await registry.sfu_nodes(redis).alive()

                    redis_server.start()
                    again = await the_node(redis)
                    assert (again.id, again.peers) == (node.id, 2)
                    await asyncio.to_thread(process.wait_for_log, "commands to the SFU node may have been lost")
                    await asyncio.wait_for(channel.back.wait(), SECONDS)
                    await ann.offer(ice_restart=True)
                    await asyncio.gather(ann.decodes_more(5), bob.decodes_more(5))
                    await ann.close()
                    await bob.close()


async def test_a_node_that_hears_no_commands_gives_up_no_room(
    server_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heartbeats go on, and no hub can say who is seated: so it is not said for longer than a lease lasts."""
    monkeypatch.setattr(leases, "LEASE", 2.0)
    monkeypatch.setattr(sfu_node, "CHECK_SECONDS", 0.2)
    with servers.embedded_valkey(server_dir) as (_, url):
        async with hub(url) as (redis, channels):
            config = load(settings(url, server_dir / "recordings") | {"TERTULIA_SFU_WORKERS": "1"})
            running = asyncio.create_task(sfu_process.run_nodes(config))
            async with room_channel(channels, await the_node(redis)) as channel:
                ann = Member(channel)
                await ann.offer()
                await ann.connected()
                channel.command(commands.Seated(room=ROOM, transports=[TransportId(ann.transport)]))
                await redis.call("", "ACL", "SETUSER", "default", "-ssubscribe")
                await redis.call("", "CLIENT", "KILL", "TYPE", "pubsub")
                await asyncio.sleep(3 * leases.LEASE)
                assert (await the_node(redis)).peers == 1
                await redis.call("", "ACL", "SETUSER", "default", "+ssubscribe")
                await the_node(redis, lambda node: node.peers == 0)  # nobody says so though they could
                channel.command(commands.DRAIN)
                await running
                await ann.close()


class _Servers:
    """A Redis that can be killed and started again, empty."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory, self._port = directory, port
        self._running: Any = None

    def start(self) -> str:
        self._running = servers.redis(self._directory, self._port)
        server, url = self._running.__enter__()
        self._server = server
        return str(url)

    def kill(self) -> None:
        self._server.signal(signal.SIGKILL)
        self._running.__exit__(None, None, None)
        self._running = None

    def close(self) -> None:
        if self._running is not None:
            self._running.__exit__(None, None, None)


async def test_a_wrong_setting_ends_the_start_with_one_line(valkey_url: str, server_dir: Path) -> None:
    wrong = settings(valkey_url, server_dir / "recordings") | {"TERTULIA_SFU_BIND": "192.0.2.250"}
    with servers.command("tertulia sfu", server_dir, "sfu", settings=wrong) as process:
        assert await asyncio.to_thread(process.wait) != 0
        assert "192.0.2.250" in process.log()
        assert "Traceback" not in process.log()


async def test_a_node_is_taken_out_of_service_by_its_id(valkey_url: str, server_dir: Path) -> None:
    ours = settings(valkey_url, server_dir / "recordings")
    with servers.tertulia_sfu(server_dir, settings=ours) as node:
        async with hub(valkey_url) as (redis, _):
            found = await the_node(redis)
            with servers.command("drain", server_dir, "sfu", "--drain", "node_x", settings=ours) as wrong:
                assert await asyncio.to_thread(wrong.wait) == 2
                assert "node_x" in wrong.log()
            with servers.command("drain", server_dir, "sfu", "--drain", found.id, settings=ours) as drain:
                assert await asyncio.to_thread(drain.wait) == 0
            assert await asyncio.to_thread(node.wait) == 0
            assert await registry.sfu_nodes(redis).alive() == []
