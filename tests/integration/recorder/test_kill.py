"""kill -9 of a recorder in each state of a job: another one goes on, with one object for each file and no loss."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tertulia.db.models import Recording
from tests.integration import servers
from tests.integration.recorder import store
from tests.integration.recorder.store import BUCKET, Faulty
from tests.integration.recorder.studio import Studio

STATES = ("claimed", "composing", "uploading", "before ready", "after ready")


@contextmanager
def locked(studio: Studio) -> Iterator[None]:
    """The database takes no writes."""
    holder = sqlite3.connect(studio.directory / "test.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


async def kill_when(state: str, studio: Studio, proxy: Faulty, row: Recording) -> None:
    """Start a recorder, and kill it once it is there."""
    if state == "claimed":
        proxy.become("hang")
    with studio.recorder() as victim:
        if state == "claimed":
            await proxy.seen.wait()
        elif state == "composing":
            work = studio.recordings / row.id / "work"
            await studio.until(row, lambda it: it.stage == "composing" and any(work.glob("sound-*.mp4")), victim)
        else:
            await kill_while_it_stores(state, studio, proxy, row, victim)
        victim.kill()
    proxy.become("pass")


async def kill_while_it_stores(
    state: str, studio: Studio, proxy: Faulty, row: Recording, victim: servers.Server
) -> None:
    await studio.until(row, lambda it: it.stage == "composing", victim)
    proxy.become("hang")
    await studio.until(row, lambda it: it.stage == "uploading", victim)
    await proxy.seen.wait()
    if state == "uploading":
        return
    stored = store.bucket(proxy.upstream, BUCKET)
    key = f"recordings/{row.room_id}/{row.id}/raw/parts.json"
    with locked(studio):
        proxy.become("pass")
        async with asyncio.timeout(4):  # a write waits for 5 s
            while key not in store.objects(stored):
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)  # it reads back what it has stored, and waits for the database
            if state == "before ready":
                victim.kill()
                return
            proxy.become("hang")
    await studio.until_status(row, "ready", victim)
    await proxy.seen.wait()
    assert (studio.recordings / row.id).exists()


@pytest.mark.parametrize("state", STATES)
async def test_another_recorder_goes_on(state: str, remote: Studio, proxy: Faulty) -> None:
    row = await remote.recorded(12.0)
    raw = {f"raw/{p.parent.name}/{p.name}": p.stat().st_size for p in (remote.recordings / row.id).glob("*/*")}
    await asyncio.wait_for(kill_when(state, remote, proxy, row), 60)
    before = await remote.read(row)
    assert before.status == ("ready" if state == "after ready" else "processing")
    assert {p.name for p in (remote.recordings / row.id).glob("*/*.mjr")}, "nothing local is gone"
    with remote.recorder() as recorder:
        ready = await remote.until_status(row, "ready", recorder)
        await remote.until_cleared(row)
    prefix = f"recordings/{row.room_id}/{row.id}/"
    found = store.objects(store.bucket(proxy.upstream, BUCKET))
    names = {key.removeprefix(prefix): size for key, size in found.items()}
    films = {"grid.mp4", *(name for name in names if name.startswith("tracks/"))}
    assert set(names) == {*films, *raw, "raw/parts.json"}
    assert len(films) == 3
    assert {name: names[name] for name in raw} == raw
    assert names["grid.mp4"] == ready.size
    assert ready.duration == pytest.approx(12.0, abs=0.1)
    assert len([it for it in await remote.rows.of_room(row.room_id) if it.kind == "track"]) == 2
    status, out, err = await remote.command("recording", "verify", row.id)
    assert (status, err) == (0, ""), out
