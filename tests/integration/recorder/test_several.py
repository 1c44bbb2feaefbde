"""Several recorders, and recorders that are stopped."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.integration.recorder.studio import Studio


async def test_each_of_several_recordings_is_made_once(local: Studio) -> None:
    rows = [await local.recorded(3.0) for _ in range(4)]
    with local.recorder() as one, local.recorder() as other:
        for row in rows:
            await local.until_status(row, "ready", one, other)
        counts = [log.count("making a film") for log in (one.log(), other.log())]
    assert sum(counts) == len(rows)
    assert all(counts)


async def test_a_recorder_that_is_stopped_gives_its_job_back_at_once(local: Studio) -> None:
    row = await local.recorded(30.0)
    with local.recorder() as first:
        work = local.recordings / row.id / "work"
        await local.until(row, lambda it: it.stage == "composing" and any(work.glob("sound-*.mp4")), first)
        began = time.monotonic()
        first.signal(signal.SIGTERM)
        assert await asyncio.to_thread(first.wait, 10) == 0
        assert time.monotonic() - began < 5
    back = await local.read(row)
    assert (back.status, back.stage) == ("processing", "waiting")
    with local.recorder() as second:
        began = time.monotonic()
        await local.until(row, lambda it: it.stage == "composing", second)
        assert time.monotonic() - began < 5, "its lease was not waited for"
        await local.until_status(row, "ready", second)


async def test_another_one_goes_on_from_the_last_whole_segment(local: Studio) -> None:
    row = await local.recorded(150.0)
    work = local.recordings / row.id / "work"
    with local.recorder() as first:
        await local.until(row, lambda it: len(list(work.glob("grid-*.mp4"))) >= 1, first)
        first.kill()
    made = {path.name: path.stat().st_ino for path in work.glob("*.mp4") if not path.name.startswith(".")}
    assert made
    with local.recorder() as second:
        await local.until(row, lambda it: it.stage == "uploading" or it.status == "ready", second)
        kept = {name for name, inode in made.items() if not work.exists() or (work / name).stat().st_ino == inode}
        ready = await local.until_status(row, "ready", second)
    assert kept == set(made)
    assert ready.duration == pytest.approx(150.0, abs=0.1)
