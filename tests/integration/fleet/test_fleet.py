"""Several web workers and SFU nodes on one Redis, all by the command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from websockets.asyncio.client import connect

from tertulia.room.nodes import GONE_AFTER
from tertulia.state.registry import DEAD_AFTER_MS
from tests.integration import servers
from tests.integration.hub.harness import PlainClient
from tests.processes import tree

TRIES = 40
"""Connections made until two are on different workers: the kernel picks one by the client's port, so that to fail by
chance has odds of 2 to the -39."""


@dataclass
class Fleet:
    web: servers.Tertulia
    redis: Any
    """The client; redis-py's types leave open whether an answer has been decoded."""
    key: str
    settings: dict[str, str]

    async def rest(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.web.url, timeout=30) as client:
            answer = await client.request(method, path, json=body, headers={"Authorization": f"Bearer {self.key}"})
            assert answer.is_success, answer.text
            found: dict[str, Any] = answer.json()
            return found

    async def new_room(self) -> str:
        return str((await self.rest("POST", "/v1/rooms", {"hostId": str(uuid.uuid4())}))["roomId"])

    @asynccontextmanager
    async def member(self, room: str, region: str | None = None) -> AsyncIterator[tuple[str, PlainClient]]:
        """Someone new in the room: the userId and the connection."""
        user = str(uuid.uuid4())
        body = {"userId": user} | ({"region": region} if region else {})
        token = (await self.rest("POST", f"/v1/rooms/{room}/join", body))["token"]
        async with connect(self.web.ws_url, ping_interval=None) as socket:
            client = PlainClient(socket)
            client.result = await client.call("JoinRoom", {"roomId": room, "token": token})
            yield user, client
            await client.close()

    def hub_of(self, room: str, user: str) -> str:
        """The worker that holds the connection of a member."""
        return str(json.loads(self.redis.hget(f"room:{{{room}}}:participants", user))["hub"])

    def state(self, room: str) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self.redis.hgetall(f"room:{{{room}}}").items()}

    def node(self, node: str) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads(self.redis.hget("{sfu}:nodes", node))
        return entry


def command(settings: dict[str, str], *arguments: str) -> str:
    argv, env = servers.tertulia_argv(*arguments), servers.tertulia_env(settings)
    return subprocess.run(argv, env=env, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.fixture(scope="module")
def fleet(
    tmp_path_factory: pytest.TempPathFactory,
    redis_server: tuple[servers.Server, str],
    postgres_server: servers.Postgres,
) -> Iterator[Fleet]:
    """Two workers, two nodes in the region east and one in the region west, on Redis 7 and PostgreSQL."""
    directory = tmp_path_factory.mktemp("fleet")
    url = redis_server[1]
    servers.flush(url)
    settings = {"TERTULIA_REDIS_URL": url, "TERTULIA_DATABASE_URL": postgres_server.new_database()}
    settings |= {"TERTULIA_DATA_DIR": str(directory), "TERTULIA_REGION": "east", "TERTULIA_SFU_ADVERTISE": "127.0.0.1"}
    command(settings, "migrate")
    command(settings, "tenant", "create", "acme")
    key = command(settings, "key", "create", "acme")
    with ExitStack() as stack:
        client = stack.enter_context(redis.Redis.from_url(url))
        for region in ("east", "east", "west"):
            stack.enter_context(servers.tertulia_sfu(directory, "--region", region, settings=settings))
        web = stack.enter_context(servers.tertulia_web(directory, "--workers", "2", settings=settings))
        web.server.wait_until(lambda: client.zcard("{sfu}:beats") == 3 and client.zcard("{hub}:beats") == 2)
        yield Fleet(web, client, key, settings)


@asynccontextmanager
async def on_two_workers(fleet: Fleet, room: str) -> AsyncIterator[list[tuple[str, PlainClient]]]:
    """Two members whose connections are held by different workers."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(fleet.member(room))
        for _ in range(TRIES):
            second = await stack.enter_async_context(fleet.member(room))
            if fleet.hub_of(room, first[0]) != fleet.hub_of(room, second[0]):
                yield [first, second]
                return
        raise AssertionError(f"one worker has taken all of {TRIES} connections")


async def test_members_on_different_workers_see_each_other(fleet: Fleet) -> None:
    room = await fleet.new_room()
    async with on_two_workers(fleet, room) as [(ann, ann_client), (bob, bob_client)]:
        assert ann in [p["userId"] for p in bob_client.result["participants"]]
        await ann_client.event("ParticipantJoined", userId=bob)
        await bob_client.call("UpdateState", {"isMuted": True})
        await ann_client.event("StateChanged", userId=bob, isMuted=True)
        await ann_client.call("SendIceCandidate", {"targetUserId": bob, "candidate": "candidate:1"})
        await bob_client.event("IceCandidate", sourceUserId=ann, candidate="candidate:1")
        await bob_client.call("LeaveRoom")
        await ann_client.event("ParticipantLeft", userId=bob, reason="left")
    # A close frame is answered before the leave has reached Redis.
    empty = partial(nobody_is_in, fleet, room)
    await asyncio.to_thread(fleet.web.server.wait_until, empty, what="let them leave")


def nobody_is_in(fleet: Fleet, room: str) -> bool:
    return bool(fleet.redis.hlen(f"room:{{{room}}}:participants") == 0)


async def test_connections_are_spread_over_the_workers(fleet: Fleet) -> None:
    room = await fleet.new_room()
    async with AsyncExitStack() as stack:
        members = await asyncio.gather(*[stack.enter_async_context(fleet.member(room)) for _ in range(60)])
        hubs = Counter(fleet.hub_of(room, user) for user, _ in members)
    assert len(hubs) == 2
    assert min(hubs.values()) >= 10, hubs  # fewer: odds of 1 in 10 million


async def test_a_room_is_on_one_node_whichever_worker_one_comes_by(fleet: Fleet) -> None:
    room = await fleet.new_room()
    async with on_two_workers(fleet, room) as [(_, one), (_, two)]:
        ends = [await client.event("SfuEndpoint") for client in (one, two)]
        node = fleet.node(fleet.state(room)["sfuNode"])
    assert {(end["ip"], end["port"]) for end in ends} == {(node["ip"], node["ports"][0])}
    assert len({end["transportId"] for end in ends}) == 2


async def test_the_first_joins_region_sticks(fleet: Fleet) -> None:
    room = await fleet.new_room()
    async with fleet.member(room, "west"), fleet.member(room, "east"), fleet.member(room):
        state = fleet.state(room)
    assert state["sfuRegion"] == "west"
    assert fleet.node(state["sfuNode"])["region"] == "west"


async def test_an_unknown_region_falls_back_to_the_default(fleet: Fleet) -> None:
    room = await fleet.new_room()
    async with fleet.member(room, "atlantis"):
        state = fleet.state(room)
    assert state["sfuRegion"] == "east"
    assert fleet.node(state["sfuNode"])["region"] == "east"


async def test_rooms_that_come_at_once_are_spread_over_the_nodes_of_a_region(fleet: Fleet) -> None:
    """Within one heartbeat the nodes' own load says nothing yet: recent placements count."""
    rooms = [await fleet.new_room() for _ in range(8)]
    async with AsyncExitStack() as stack:
        await asyncio.gather(*[stack.enter_async_context(fleet.member(room, "east")) for room in rooms])
        nodes = Counter(fleet.state(room)["sfuNode"] for room in rooms)
    assert len(nodes) == 2, nodes
    assert min(nodes.values()) >= 2, nodes


async def test_a_room_whose_node_is_killed_moves_to_another(fleet: Fleet, tmp_path: Path) -> None:
    with servers.tertulia_sfu(tmp_path, "--region", "north", settings=fleet.settings) as north:
        room = await room_in(fleet, "north")
        async with fleet.member(room) as (_, client):
            before = await client.event("SfuEndpoint")
            north.kill()
            after = await client.frame(
                lambda f: f.get("event") == "SfuEndpoint" and f["payload"]["transportId"] != before["transportId"],
                within=DEAD_AFTER_MS / 1000 + GONE_AFTER + 10,
            )
            node = fleet.node(fleet.state(room)["sfuNode"])
    assert (after["payload"]["ip"], after["payload"]["port"]) == (node["ip"], node["ports"][0])
    assert after["payload"]["port"] != before["port"]


async def room_in(fleet: Fleet, region: str) -> str:
    """A room whose state says that region. A node that has just come is not yet known to every worker."""
    async with asyncio.timeout(20):
        while True:
            room = await fleet.new_room()
            async with fleet.member(room, region):
                if fleet.state(room)["sfuRegion"] == region:
                    return room


async def test_a_worker_that_is_killed_comes_back_and_the_other_serves_meanwhile(fleet: Fleet) -> None:
    room = await fleet.new_room()
    workers = fleet.web.workers
    assert len(workers) == 2
    pidfd = os.pidfd_open(min(workers))
    os.kill(min(workers), signal.SIGKILL)
    assert servers.all_end([pidfd])
    async with fleet.member(room):
        assert fleet.state(room)["participantCount"] == "1"
    await asyncio.to_thread(
        fleet.web.server.wait_until,
        lambda: len(fleet.web.workers - {min(workers)}) == 2,
    )


async def test_a_worker_that_stands_still_is_replaced(fleet: Fleet) -> None:
    async with on_two_workers(fleet, await fleet.new_room()):
        pass  # both serve
    workers = fleet.web.workers
    os.kill(max(workers), signal.SIGSTOP)
    await asyncio.to_thread(
        fleet.web.server.wait_until,
        lambda: len(fleet.web.workers - {max(workers)}) == 2,
    )
    room = await fleet.new_room()
    async with fleet.member(room):
        assert fleet.state(room)["participantCount"] == "1"


async def test_a_single_worker_that_stands_still_is_replaced(fleet: Fleet, tmp_path: Path) -> None:
    with servers.tertulia_web(tmp_path, settings=fleet.settings) as web:
        (worker,) = web.workers
        os.kill(worker, signal.SIGSTOP)
        await asyncio.to_thread(web.server.wait_until, lambda: bool(web.workers - {worker}))
        await asyncio.to_thread(web.server.wait_until, lambda: servers.answers(f"{web.url}/readyz"))
        assert web.server.stop() == 0
        said = [json.loads(line) for line in web.log().splitlines()]
    assert [line["process"] for line in said if line["event"] == "web worker runs"] == ["web 1", "web 1"]
    assert any("stands still" in line["event"] for line in said)


def test_nothing_is_left_of_a_killed_fleet(fleet: Fleet, tmp_path: Path) -> None:
    with servers.tertulia_web(tmp_path, "--workers", "2", settings=fleet.settings) as web:
        processes = tree(web.server.pid)
        assert len(processes) == 3
        pidfds = [os.pidfd_open(p.pid) for p in processes]
        web.server.signal(signal.SIGKILL)
        assert servers.all_end(pidfds, deadline=10)


def test_sigterm_stops_all_workers_and_says_so(fleet: Fleet, tmp_path: Path) -> None:
    with servers.tertulia_web(tmp_path, "--workers", "2", settings=fleet.settings) as web:
        pidfds = [os.pidfd_open(p.pid) for p in tree(web.server.pid)]
        assert web.server.stop() == 0
        assert servers.all_end(pidfds, deadline=1)


def test_a_wrong_setting_ends_all_workers_with_its_name(fleet: Fleet, tmp_path: Path) -> None:
    settings = fleet.settings | {"TERTULIA_DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
    with servers.command("tertulia web", tmp_path, "web", "--workers", "2", "--port", "0", settings=settings) as web:
        assert web.wait(60) == 2
        assert "tertulia migrate" in web.log()
