"""What a room says is written down: the files, the faults of the disk, the ends of the node."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import pytest

from tertulia.ids import RecordingId, new_uuid
from tertulia.sfu import _sfu
from tests.integration import servers
from tests.integration.sfu.desk import Client, Desk, desk
from tests.integration.sfu.raw import Part, counted, files, janus, mjr, parts
from tests.integration.sfu.test_node import Member, hub, room_channel, settings, the_node
from tests.waiting import until

LOST_SECONDS = 2.0
"""What a killed node may have lost."""


@pytest.fixture
def recording() -> RecordingId:
    return RecordingId(new_uuid())


async def come(d: Desk, recording: str | None) -> Client:
    client = Client(d, "r")
    client.recording = recording
    await client.publish()
    await client.offer()
    await client.connected()
    return client


async def written(d: Desk, packets: int) -> None:
    """Wait until so many more packets are written."""
    now = d.engine.recording_stats()["packets"]
    await until(lambda: d.engine.recording_stats()["packets"] >= now + packets)


def troubles(d: Desk) -> list[str]:
    return [event.reason for event in d.events if isinstance(event, _sfu.RecordingTrouble)]


def assert_film(path: Path, kind: str, target: Path) -> float:
    """Janus makes a file of it that FFmpeg can decode; how long that lasts, in seconds."""
    janus(path, target)
    with av.open(target) as container:
        stream = container.streams.get({kind: 0})[0]
        times = [
            float(frame.time or 0)
            for packet in container.demux(stream)
            for frame in packet.decode()
            if isinstance(frame, av.AudioFrame | av.VideoFrame)
        ]
    assert times
    return times[-1] - times[0]


async def test_two_people_are_written_down_and_janus_reads_it(tmp_path: Path, recording: RecordingId) -> None:
    before = time.time()
    async with desk(recordings_dir=tmp_path / "raw", node="node_1") as d:
        ann, bob, eve = await come(d, recording), await come(d, recording), await come(d, None)
        await ann.decodes(2)
        await until(lambda: len(parts(tmp_path / "raw", recording)) == 1)
        (part,) = parts(tmp_path / "raw", recording)
        assert part.is_locked()
        await until(lambda: bool(part.of("report")) and bool(part.of("speakers")))
        await asyncio.sleep(3)
        d.engine.stop_recording("r", recording)
        await until(lambda: not part.is_locked())
        await ann.decodes_more(10)
        stats = d.engine.recording_stats()
        assert (stats["running"], stats["packets_lost"], stats["parts_failed"]) == (0, 0, 0)
        assert stats["bytes"] == sum(path.stat().st_size for path in part.directory.iterdir())
        assert troubles(d) == []

    first = part.lines[0]
    assert (first["t"], first["version"], first["recording"], first["room"], first["node"]) == (
        *("part", 1, recording, "r"),
        "node_1",
    )
    assert before < first["wall"] / 1e6 < time.time()
    port = d.engine.port
    assert part.directory.name == f"{first['wall'] // 1000}-node_1-{port}"
    assert {line["user"]: line["name"] for line in part.of("joined")} == {
        client.user_id: f"Name of {client.user_id}" for client in (ann, bob)
    }
    assert set(part.tracks) == {f"{c.user_id}/{source}" for c in (ann, bob) for source in ("microphone", "camera")}
    assert eve.user_id not in (part.directory / "part.jsonl").read_text()
    assert part.lines[-1]["reason"] == "stopped"
    times = [line["at"] for line in part.lines]
    assert times == sorted(times)
    for name, path in part.tracks.items():
        kind = "audio" if name.endswith("microphone") else "video"
        read = mjr(path)
        assert read.is_whole
        assert "This is" in janus("--header", path)
        assert len(read.packets) == counted(path) > 50
        length = assert_film(path, kind, tmp_path / (path.stem + (".opus" if kind == "audio" else ".webm")))
        # By the publisher's clock: a busy machine makes it go slower than the one by which packets come.
        begins, ends = (int.from_bytes(packet.data[4:8], "big") for packet in (read.packets[0], read.packets[-1]))
        assert length == pytest.approx((ends - begins) % 2**32 / (48_000 if kind == "audio" else 90_000), abs=0.5)
        assert length > 2.5


async def test_files_are_for_the_operator_only(tmp_path: Path, recording: RecordingId) -> None:
    async with desk(recordings_dir=tmp_path / "raw", node="node_1") as d:
        await come(d, recording)
        await written(d, 10)
    for path in (tmp_path / "raw").rglob("*"):
        assert path.stat().st_mode & 0o77 == 0, path


async def test_who_opts_out_is_written_no_more_and_who_is_the_last_ends_it(
    tmp_path: Path, recording: RecordingId
) -> None:
    async with desk(recordings_dir=tmp_path, node="node_1") as d:
        ann, bob = await come(d, recording), await come(d, None)
        await written(d, 10)
        d.engine.record(bob.transport, recording)
        (part,) = parts(tmp_path, recording)
        await until(lambda: len(part.of("joined")) == 2)
        d.engine.record(bob.transport, None)
        await until(lambda: len(part.of("left")) == 1)
        await written(d, 10)
        await ann.close()
        await until(lambda: not part.is_locked())
        assert part.lines[-1]["reason"] == "empty"
        d.engine.record(bob.transport, recording)
        await until(lambda: len(parts(tmp_path, recording)) == 2)
        d.engine.stop_recording("r", recording)
        await until(lambda: not parts(tmp_path, recording)[1].is_locked())
        d.engine.record(bob.transport, recording)
        await bob.close()
        await d.counted(lambda stats: stats["peers"] == 0)
    assert len(parts(tmp_path, recording)) == 2, "what was stopped does not begin again"


@pytest.mark.parametrize(
    "options", [{}, {"recordings_dir": "/proc/none", "node": "node_1"}], ids=["none", "unwritable"]
)
async def test_without_a_directory_the_call_goes_on_and_the_trouble_is_told(
    options: dict[str, Any], recording: RecordingId
) -> None:
    async with desk(**options) as d:
        ann, bob = await come(d, recording), await come(d, recording)
        await d.until(lambda: bool(troubles(d)))
        await asyncio.gather(ann.decodes(1), bob.decodes(1))
        assert troubles(d) == ["disk_error"]


def test_a_node_without_a_name_cannot_record(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="name of a node"):
        _sfu.Sfu("127.0.0.1", 0, recordings_dir=tmp_path, node="../node")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    path = tmp_path / "small"
    path.mkdir()
    mount = shutil.which("mount") or ""
    if not mount or subprocess.run((mount, "-t", "tmpfs", "-o", "size=1m", "none", path), check=False).returncode:
        pytest.skip("this machine allows no mounts here")
    yield path
    subprocess.run(("umount", "--lazy", path), check=True)


async def test_on_a_full_disk_the_call_goes_on_and_what_was_written_is_kept(
    small_disk: Path, recording: RecordingId
) -> None:
    async with desk(recordings_dir=small_disk, node="node_1") as d:
        ann, bob = await come(d, recording), await come(d, recording)
        (small_disk / "ballast").write_bytes(b"\0" * 400_000)
        await d.until(lambda: bool(troubles(d)))
        assert troubles(d) == ["disk_full"]
        (part,) = parts(small_disk, recording)
        assert not part.is_locked()
        assert part.lines[-1]["reason"] == "disk_full"
        await asyncio.gather(ann.decodes_more(30), bob.decodes_more(30))
        assert sum(counted(path) for path in files(part)) > 50
        assert all(mjr(path).is_whole for path in files(part))
        assert troubles(d) == ["disk_full"]
        d.engine.stop_recording("r", recording)
        (small_disk / "ballast").unlink()
        next_recording = new_uuid()
        d.engine.record(ann.transport, next_recording)
        await until(lambda: len(parts(small_disk, next_recording)) == 1)


@asynccontextmanager
async def recorded(redis_url: str, directory: Path, raw: Path) -> AsyncIterator[tuple[servers.Server, Part]]:
    """A node of its own, with two people who have been recorded for three seconds."""
    recording = RecordingId(new_uuid())
    async with hub(redis_url) as (redis, channels):
        with servers.tertulia_sfu(directory, settings=settings(redis_url, raw)) as process:
            node = await the_node(redis)
            async with room_channel(channels, node) as channel:
                ann, bob = Member(channel), Member(channel)
                for member in (ann, bob):
                    member.recording = recording
                    await member.publish()
                    await member.offer()
                await asyncio.gather(ann.decodes(1), bob.decodes(1))
                await until(lambda: len(parts(raw, recording)) == 1)
                await the_node(redis, lambda node: node.recordings == 1)
                await asyncio.sleep(3)
                (part,) = parts(raw, recording)
                yield process, part
                await ann.close()
                await bob.close()


async def test_a_node_that_is_killed_has_lost_two_seconds_at_most(
    valkey_url: str, server_dir: Path, tmp_path: Path
) -> None:
    async with recorded(valkey_url, server_dir, tmp_path) as (process, part):
        assert part.is_locked()
        killed = time.time()
        process.signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        assert not part.is_locked()
        assert part.of("end") == []
        assert len(part.tracks) == 4
        for path in part.tracks.values():
            read = mjr(path)
            assert killed - LOST_SECONDS < read.packets[-1].came < killed + 1
            assert counted(path) >= len(read.packets) > 50


async def test_a_node_that_is_stopped_ends_its_parts(valkey_url: str, server_dir: Path, tmp_path: Path) -> None:
    async with recorded(valkey_url, server_dir, tmp_path) as (process, part):
        process.signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait) == 0
        assert part.lines[-1]["reason"] == "shutdown"
        assert not part.is_locked()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
async def test_a_file_that_is_cut_off_anywhere_is_readable_up_to_there(
    share: float, tmp_path: Path, recording: RecordingId
) -> None:
    async with desk(recordings_dir=tmp_path, node="node_1") as d:
        await come(d, recording)
        await written(d, 200)
    (part,) = parts(tmp_path, recording)
    for path in files(part):
        data = path.read_bytes()
        cut = tmp_path / path.name
        cut.write_bytes(data[: max(400, int(len(data) * share))])
        read = mjr(cut)
        assert len(read.packets) <= counted(cut) <= len(read.packets) + 1
