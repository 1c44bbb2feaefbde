"""What recorders do beside the jobs: deletions, retention, files that were left or that turn up late."""

from __future__ import annotations

import fcntl
import io
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tertulia.db.access import Access
from tertulia.db.deletions import Deletions
from tertulia.db.jobs import Jobs
from tertulia.db.models import Deletion, Made
from tertulia.db.recording_keys import RecordingKeys
from tertulia.db.recording_rows import directory_of
from tertulia.errors import StorageError
from tertulia.recorder.films import Films
from tertulia.recorder.gathering import GRACE_PAUSE, STILL_WRITTEN, WRITER_PAUSE, fetch, gather, load_manifest
from tertulia.recorder.jobs.inputs import Fault, Gathered, NoMedia, NotYet
from tertulia.recorder.jobs.retry import Cause
from tertulia.recorder.making import make
from tertulia.recorder.place import Place
from tertulia.recorder.shipping import Shipping
from tertulia.recorder.sweeping import Sweeper
from tertulia.storage import SealedStorage, open_storage
from tests.integration.recorder.store import Faulty
from tests.integration.recorder.studio import Studio, being_written, now
from tests.waiting import until, until_answered


def sweeper(studio: Studio) -> Sweeper:
    return Sweeper(studio.database, storage_of(studio), studio.recordings)


def storage_of(studio: Studio) -> SealedStorage:
    """The storage, without a master key."""
    inner = open_storage(studio.settings["TERTULIA_STORAGE_URL"])
    return SealedStorage(inner, RecordingKeys(studio.database, None))


def stored(studio: Studio) -> set[Path]:
    """The files in the storage. A folder that is deleted meanwhile is none, with which ``rglob`` would fail."""
    return {Path(folder, name) for folder, _, names in os.walk(studio.directory / "storage") for name in names}


async def due(studio: Studio) -> list[Deletion]:
    """The deletions that are not carried out yet."""
    return await Deletions(studio.database).due(now() + timedelta(days=1))


async def until_deleted(studio: Studio) -> None:
    async def is_done() -> bool:
        return not await due(studio)

    await until_answered(is_done)


async def test_what_is_deleted_is_gone_from_sql_storage_and_disk(local: Studio) -> None:
    row, kept = await local.recorded(2.0), await local.recorded(2.0)
    with local.recorder() as recorder:
        await local.until_status(row, "ready", recorder)
        await local.until_status(kept, "ready", recorder)
        await local.until_cleared(kept)
        local.write_part(row, 1.0, node="late")
        await local.rows.delete(row.room_id, row.id, now())
        await until(lambda: not any(row.id in str(path) for path in stored(local)))
        await local.until_cleared(row)
        await until_deleted(local)
    assert any(kept.id in str(path) for path in stored(local))


async def test_what_is_being_written_is_deleted_when_its_writer_has_ended(local: Studio) -> None:
    row = await local.started()
    part = local.write_part(row, 2.0)
    sweep = sweeper(local)
    with being_written(part):
        await local.rows.delete(row.room_id, row.id, now())
        await sweep.delete()
        assert part.exists()
        (deletion,) = await due(local)
        assert deletion.error == "its raw files are still being written"
    await Deletions(local.database).failed(deletion, "", now())
    await sweep.delete()
    assert not part.exists()
    assert await due(local) == []


async def test_storage_that_fails_is_asked_again(remote: Studio, proxy: Faulty) -> None:
    row = await remote.recorded(2.0)
    with remote.recorder() as recorder:
        await remote.until_status(row, "ready", recorder)
        await remote.until_cleared(row)
        proxy.become("refuse")
        await remote.rows.delete(row.room_id, row.id, now())
        await proxy.seen.wait()

        async def has_failed() -> bool:
            return any(it.error for it in await due(remote))

        await until_answered(has_failed)
        proxy.become("pass")
        await until_deleted(remote)


async def test_what_is_wrong_with_one_keeps_no_other(local: Studio) -> None:
    wrong, right = await local.started(), await local.started()

    class Storage(SealedStorage):
        async def delete_prefix(self, prefix: str) -> None:
            if wrong.id in prefix:
                raise ValueError("somebody put a file of their own there")
            await super().delete_prefix(prefix)

    inner = open_storage(local.settings["TERTULIA_STORAGE_URL"])
    storage = Storage(inner, RecordingKeys(local.database, None))
    for row in (wrong, right):
        await local.rows.delete(row.room_id, row.id, now())
    await Sweeper(local.database, storage, local.recordings).delete()
    left = await due(local)
    assert {deletion.recording_id for deletion in left} == {wrong.id}
    assert "a file of their own" in (left[0].error or "")


async def test_what_a_tenant_keeps_no_longer_is_deleted(local: Studio) -> None:
    old, new = await local.started(), await local.started()
    await local.rows.stop(old.id, now())
    await local.rows.stop(new.id, now() + timedelta(days=9))
    assert (await local.command("tenant", "retention", "acme", "8"))[0] == 0
    sweep = sweeper(local)
    await local.rows.expire(now() + timedelta(days=8, minutes=1))
    await sweep.expire()
    assert await local.rows.by_id(old.id) is None
    assert await local.rows.by_id(new.id) is not None
    assert (await local.command("tenant", "retention", "acme", "none"))[0] == 0
    assert (await Access(local.database).tenant("acme")).retention_days is None


async def test_files_that_a_killed_recorder_left_are_cleared_and_late_ones_get_into_the_film(local: Studio) -> None:
    row = await local.recorded(2.0)
    with local.recorder() as recorder:
        ready = await local.until_status(row, "ready", recorder)
        await local.until_cleared(row)
        assert ready.duration == pytest.approx(2.0, abs=0.1)
        (local.recordings / row.id / "work").mkdir(parents=True)
        await sweeper(local).clear_all()
        assert not (local.recordings / row.id).exists()
        local.write_part(row, 2.0, node="late", begin=2.0)
        await sweeper(local).clear_all()
        again = await local.until(row, lambda it: it.status == "ready" and it.duration > 3, recorder)
        await local.until_cleared(row)
    assert again.duration == pytest.approx(4.0, abs=0.1)
    assert (await local.command("recording", "verify", row.id))[0] == 0


async def test_late_files_of_which_no_film_can_be_made_are_kept_and_the_film_before_stays(local: Studio) -> None:
    row, jobs = await local.recorded(1.0), Jobs(local.database)
    job = await jobs.claim("test", now(), 60.0)
    assert job is not None
    path = directory_of(row.room_id, row.id) + "grid.mp4"
    assert await jobs.ready(job, Made(path, 1.0, 1000, "ab" * 32), now=now())
    await sweeper(local).clear_all()
    assert (await local.read(row)).status == "processing", "its raw files are in no list of what is stored"
    again = await jobs.claim("test", now(), 60.0)
    assert again is not None
    assert await jobs.failed(again, "no", None, by_film=True)
    await sweeper(local).clear_all()
    kept = await local.read(row)
    assert (kept.status, kept.path, kept.error) == ("ready", path, "no")
    assert Place(local.recordings, row.id).has_media()


async def test_what_turns_up_while_a_film_is_made_is_not_listed_as_being_in_it(local: Studio) -> None:
    row = await local.recorded(2.0)
    job = await Jobs(local.database).claim("test", now(), 60.0)
    assert job is not None
    place, storage = Place(local.recordings, row.id), storage_of(local)
    films = await make(place, job, lambda done: None, lambda: None)
    assert isinstance(films, Films)
    local.write_part(row, 2.0, node="late", begin=2.0)
    await Shipping(storage, None, place, job, lambda done: None).run(films)
    stored = await load_manifest(storage, directory_of(row.room_id, row.id), place.work)
    assert stored is not None
    assert place.has_media({file.raw for file in stored.files}), "so that another film is made"
    longer = place.path / stored.files[0].part / stored.files[0].name
    longer.write_bytes(longer.read_bytes() + b"more")
    await fetch(storage, directory_of(row.room_id, row.id), stored, place)
    assert longer.read_bytes().endswith(b"more"), "what is stored is less than what is here"


async def test_what_is_stored_is_used_only_if_it_is_what_was_stored(local: Studio) -> None:
    row = await local.recorded(1.0)
    job = await Jobs(local.database).claim("test", now(), 60.0)
    assert job is not None
    place, storage = Place(local.recordings, row.id), storage_of(local)
    films = await make(place, job, lambda done: None, lambda: None)
    assert isinstance(films, Films)
    await Shipping(storage, None, place, job, lambda done: None).run(films)
    prefix = directory_of(row.room_id, row.id)
    stored = await load_manifest(storage, prefix, place.work)
    assert stored is not None
    there = local.directory / "storage" / prefix / stored.files[0].path
    there.write_bytes(bytes(there.stat().st_size))
    place.remove()
    with pytest.raises(StorageError, match="is not what was stored there"):
        await fetch(storage, prefix, stored, place)
    assert [path for path in place.path.rglob("*") if path.is_file()] == []


async def test_a_file_system_that_is_slow_stops_nothing_else(local: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked of it is asked on other threads than the loop's."""
    asked: list[str] = []

    def watch(module: Any, name: str) -> None:
        original = getattr(module, name)

        def watched(what: Any, *args: Any, **kwargs: Any) -> Any:
            is_ours = name == "flock" or str(what).startswith(str(local.recordings))
            if is_ours and threading.current_thread() is threading.main_thread():
                asked.append(f"{name} {what}")
            return original(what, *args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    row = await local.recorded(1.0)
    job = await Jobs(local.database).claim("test", now(), 60.0)
    assert job is not None
    place, storage = Place(local.recordings, row.id), storage_of(local)
    films = await make(place, job, lambda done: None, lambda: None)
    assert isinstance(films, Films)
    for module, name in ((fcntl, "flock"), (os, "stat"), (os, "scandir"), (io, "open")):
        watch(module, name)
    assert isinstance(await gather(storage, local.recordings, job, now()), Gathered)
    made = await Shipping(storage, None, place, job, lambda done: None).run(films)
    assert await Jobs(local.database).ready(job, made.film, made.tracks, now=now())
    await sweeper(local).clear_all()
    await local.rows.delete(row.room_id, row.id, now())
    await sweeper(local).delete()
    monkeypatch.undo()
    assert not place.path.exists()
    assert asked == []


async def test_directories_that_sql_does_not_know_stay(local: Studio) -> None:
    unknown = [local.recordings / name for name in ("6f1c0000-0000-4000-8000-000000000001", "lost+found")]
    for path in unknown:
        path.mkdir()
    await sweeper(local).clear_all()
    assert all(path.exists() for path in unknown)


async def test_a_part_that_is_never_whole_is_told_of(local: Studio) -> None:
    row = await local.started()
    part = local.write_part(row, 1.0)
    await local.rows.stop(row.id, now())
    job = await Jobs(local.database).claim("test", now(), 15.0)
    assert job is not None
    assert job.ended_at is not None
    storage = storage_of(local)
    with being_written(part):
        soon = await gather(storage, local.recordings, job, job.ended_at + timedelta(minutes=4))
        late = await gather(storage, local.recordings, job, job.ended_at + timedelta(minutes=6))
    assert (soon, late) == (NotYet(WRITER_PAUSE), NotYet(WRITER_PAUSE, STILL_WRITTEN))


async def test_a_recording_without_any_file_is_empty_only_a_minute_after_its_end(local: Studio) -> None:
    row = await local.started()
    await local.rows.stop(row.id, now())
    job = await Jobs(local.database).claim("test", now(), 15.0)
    assert job is not None
    assert job.ended_at is not None
    storage = storage_of(local)
    at_once = await gather(storage, local.recordings, job, job.ended_at + timedelta(seconds=59))
    later = await gather(storage, local.recordings, job, job.ended_at + timedelta(seconds=61))
    assert (at_once, later) == (NotYet(GRACE_PAUSE), NoMedia())


async def test_a_directory_that_is_missing_is_not_made_for_what_is_stored(local: Studio) -> None:
    row = await local.recorded(1.0)
    job = await Jobs(local.database).claim("test", now(), 60.0)
    assert job is not None
    place, storage = Place(local.recordings, row.id), storage_of(local)
    films = await make(place, job, lambda done: None, lambda: None)
    assert isinstance(films, Films)
    await Shipping(storage, None, place, job, lambda done: None).run(films)
    nowhere = local.directory / "nowhere"
    fault = await gather(storage, nowhere, job, now())
    assert isinstance(fault, Fault), "it is not the nodes' directory"
    assert fault.cause is Cause.OUTSIDE
    assert not nowhere.exists()
