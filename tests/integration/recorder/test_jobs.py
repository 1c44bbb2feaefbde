"""From raw files to stored films, by real recorders."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from tests.integration.recorder.studio import ADA, Studio, being_written


@contextmanager
def few_descriptors() -> Iterator[None]:
    """Processes that are started have the limit that shells give."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_recording_becomes_a_film_and_tracks_and_nothing_local_is_left(local: Studio) -> None:
    row = await local.recorded(3.0)
    with few_descriptors(), local.recorder() as recorder:
        soft, hard = re.findall(r"Max open files +(\w+) +(\w+)", Path(f"/proc/{recorder.pid}/limits").read_text())[0]
        assert soft == hard, "as many tracks may be open at once as the system grants"
        ready = await local.until_status(row, "ready", recorder)
        await local.until_cleared(row)
    assert ready.path == f"recordings/{row.room_id}/{row.id}/grid.mp4"
    assert ready.duration == pytest.approx(3.0, abs=0.1)
    assert ready.error is None
    storage = local.directory / "storage"
    with av.open(str(storage / ready.path)) as film:
        assert {stream.codec_context.name for stream in film.streams} == {"h264", "aac"}
    tracks = [it for it in await local.rows.of_room(row.room_id) if it.kind == "track"]
    assert {(it.user_id, it.user_name, it.source) for it in tracks} == {
        (ADA, "Ada", "microphone"),
        (ADA, "Ada", "camera"),
    }
    for track in tracks:
        assert track.path is not None
        assert (storage / track.path).stat().st_size == track.size
    status, out, err = await local.command("recording", "verify", row.id)
    assert (status, err) == (0, "")
    names = sorted(line.split()[1].rpartition("/")[2].rstrip(":") for line in out.splitlines())
    (part,) = {name.removesuffix("-1-microphone.webm") for name in names if name.endswith("-1-microphone.webm")}
    exported = [f"{part}-1-microphone.webm", f"{part}-2-camera.webm"]
    assert names == sorted(["1-microphone.mjr", "2-camera.mjr", "grid.mp4", "part.jsonl", *exported])


async def test_a_part_that_is_still_being_written_is_waited_for(local: Studio) -> None:
    row = await local.started()
    part = local.write_part(row, 2.0)
    with local.recorder() as recorder:
        with being_written(part):
            await local.rows.stop(row.id, row.created_at)
            waiting = await local.until(row, lambda it: it.stage == "waiting" and "recorder runs" in recorder.log())
            assert waiting.status == "processing"
        ready = await local.until_status(row, "ready", recorder)
    assert ready.duration == pytest.approx(2.0, abs=0.1)
