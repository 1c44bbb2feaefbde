"""``tertulia dev`` records a meeting of real clients: from the call that starts it to a film that can be watched."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import pytest
import redis

from tests.clients.flash_call import flashing
from tests.clients.signaling import Member, joined, new_room
from tests.integration import servers
from tests.integration.recorder import sent
from tests.integration.recorder.film import Film, watch
from tests.processes import tree

PATIENCE = 120.0
SKEW = 0.040
TOLD = 0.3
"""Seconds by which a busy machine may tell a client late that recording is on, or off."""
LOST = 2.0
"""Seconds that kill -9 of a node may cost."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Tertulia]:
    directory = tmp_path_factory.mktemp("dev")
    with servers.tertulia_dev(directory, data=directory / "data") as started:
        yield started


def data(dev: servers.Tertulia) -> Path:
    return dev.server.log_path.parent / "data"


class Api:
    """The recordings of a room, by REST."""

    def __init__(self, dev: servers.Tertulia, room: str) -> None:
        self._base = f"{dev.url}/v1/rooms/{room}"
        self._dev = dev

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with httpx.AsyncClient(timeout=30) as http:
            answer = await http.request(method, f"{self._base}{path}", json=body)
            assert answer.is_success, answer.text
            return answer.json() if answer.content else None

    async def films(self) -> list[dict[str, Any]]:
        return [it for it in await self.ask("GET", "/recordings") if it["kind"] == "composite"]

    async def ready(self) -> dict[str, Any]:
        """The only film, once it is ready."""
        end = time.monotonic() + PATIENCE
        while True:
            (film,) = await self.films()
            if film["status"] == "ready":
                return film
            assert film["status"] == "processing", film
            assert time.monotonic() < end, f"{film}\n{self._dev.log()[-4000:]}"
            await asyncio.sleep(0.2)  # another process: there is nothing to await

    async def download(self, film: dict[str, Any], path: Path) -> Film:
        async with httpx.AsyncClient(timeout=30) as http:
            some = await http.get(film["url"], headers={"Range": "bytes=100-199"})
            whole = await http.get(film["url"])
        assert (some.status_code, len(some.content)) == (206, 100)
        assert some.headers["Content-Range"] == f"bytes 100-199/{film['size']}"
        assert whole.headers["Content-Type"] == "video/mp4"
        assert some.content == whole.content[100:200]
        await asyncio.to_thread(path.write_bytes, whole.content)
        return await asyncio.to_thread(watch, path)


def is_recording(dev: servers.Tertulia, room: str) -> bool:
    with redis.Redis(unix_socket_path=str(data(dev) / "valkey.sock")) as client:
        return bool(client.hget(f"room:{{{room}}}", "isRecording") == b"true")


async def exported(dev: servers.Tertulia, film: dict[str, Any], directory: Path) -> Path:
    """The recording's raw files."""
    words = ("recording", "export", film["id"], str(directory), "--data-dir", str(data(dev)))
    argv, env = servers.tertulia_argv(*words), servers.tertulia_env()
    await asyncio.to_thread(subprocess.run, argv, env=env, check=True, timeout=60, capture_output=True)
    return directory


def is_in_step(seen: Film, raw: Path, user: str) -> bool:
    """As its sender reports say that the user sent it: how far libwebrtc's own are off is not what is tested."""
    return abs(median(seen.skews()) - median(sent.skews(raw, user))) <= SKEW


async def changed(member: Member, on: bool) -> float:
    """When the member was told that recording is on, or off."""
    await member.event("RecordingChanged", lambda payload: payload["isRecording"] is on)
    return time.monotonic()


async def test_a_meeting_of_two_is_recorded(dev: servers.Tertulia, tmp_path: Path) -> None:
    room = await new_room(dev.url, isRecordingEnabled=True)
    api = Api(dev, room)
    async with (
        joined(dev.url, room, "Ada") as ada,
        flashing(ada),
        joined(dev.url, room, "Ben") as ben,
        flashing(ben, is_quiet=True) as receiver,
    ):
        await receiver.until("video", ada.user, 10)
        assert not is_recording(dev, room)
        started = await api.ask("POST", "/recordings", {"layout": "grid"})
        assert started["status"] == "recording"
        began = await changed(ben, on=True)
        assert is_recording(dev, room)
        await asyncio.sleep(12)
        stopping = asyncio.create_task(changed(ben, on=False))
        await api.ask("POST", f"/recordings/{started['id']}/stop")
        ended = await stopping
        assert not is_recording(dev, room)
        film = await api.ready()
    assert film["id"] == started["id"]
    seen = await api.download(film, tmp_path / "film.mp4")
    assert film["duration"] == pytest.approx(ended - began, abs=TOLD)
    assert seen.duration == pytest.approx(film["duration"], abs=0.1)
    assert len(seen.flashes) == pytest.approx(12, abs=1)
    assert len(seen.beeps) == pytest.approx(12, abs=1)
    raw = await exported(dev, film, tmp_path / "export")
    assert await asyncio.to_thread(is_in_step, seen, raw, ada.user)
    (session,) = await api.ask("GET", "/sessions")
    assert session["recordingUrl"] == f"recordings/{room}/{film['id']}/grid.mp4"
    tracks = [it for it in await api.ask("GET", "/recordings") if it["kind"] == "track"]
    assert sorted((it["userName"], it["source"]) for it in tracks) == [
        ("Ada", "camera"),
        ("Ada", "microphone"),
        ("Ben", "camera"),
        ("Ben", "microphone"),
    ]
    assert not list((data(dev) / "recordings").glob(f"{film['id']}/*/*.mjr")), "what is stored is cleared"


async def test_a_node_that_is_killed_costs_two_seconds_and_no_second_film(
    dev: servers.Tertulia, tmp_path: Path
) -> None:
    room = await new_room(dev.url, isRecordingEnabled=True)
    api = Api(dev, room)
    async with joined(dev.url, room, "Ada") as ada, AsyncExitStack() as stack:
        first = await ada.event("SfuEndpoint")
        await stack.enter_async_context(flashing(ada))
        started = await api.ask("POST", "/recordings")
        began = await changed(ada, on=True)
        await asyncio.sleep(6)
        node = next(p.pid for p in tree(dev.server.pid)[1:] if " sfu" in p.command)
        killed, killed_at = time.monotonic(), time.time()
        os.kill(node, signal.SIGKILL)
        second = await ada.event("SfuEndpoint", lambda it: it["transportId"] != first["transportId"])
        await stack.aclose()
        async with flashing(ada, second["transportId"]):
            back = time.monotonic()
            await asyncio.sleep(6)
            assert is_recording(dev, room)
            stopping = asyncio.create_task(changed(ada, on=False))
            await api.ask("POST", f"/recordings/{started['id']}/stop")
            ended = await stopping
        film = await api.ready()
    assert film["id"] == started["id"]
    seen = await api.download(film, tmp_path / "film.mp4")
    assert film["duration"] == pytest.approx(ended - began, abs=TOLD)
    before = [flash for flash in seen.flashes if flash < killed - began]
    after = [flash for flash in seen.flashes if flash > back - began]
    assert max(before) > killed - began - LOST - 1.0, (killed - began, seen)
    assert len(before) >= int(killed - began - LOST) - 1
    assert len(after) >= int(ended - back) - 3
    raw = await exported(dev, film, tmp_path / "export")
    assert killed_at - sent.last_arrivals(raw)[0] <= LOST
    assert await asyncio.to_thread(is_in_step, seen, raw, ada.user)
