"""Recordings, the same on SQLite and PostgreSQL: started and stopped once, listed, composed again, deleted, expired."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tertulia.db.access import Access
from tertulia.db.engine import Database, insert_new
from tertulia.db.models import Recording
from tertulia.db.tables import DELETIONS
from tertulia.errors import AlreadyRecording, NoSession, NotFound
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId, new_uuid
from tests.integration.db.conftest import AT
from tests.integration.db.meetings import Meetings, after, made, made_track


@pytest.fixture
def meetings(database: Database, tenant: TenantId) -> Meetings:
    return Meetings(database, tenant)


def new_id() -> RecordingId:
    return RecordingId(new_uuid())


def directory_of(recording: Recording) -> str:
    return f"recordings/{recording.room_id}/{recording.id}/"


# --- start and stop


async def test_it_starts_once_and_stops_once(meetings: Meetings) -> None:
    room, session = await meetings.begin()
    recording_id = new_id()
    for seconds in (0, 5):
        begun = await meetings.recordings.start(recording_id, room, session, "speaker", after(seconds))
        assert (begun.status, begun.kind, begun.layout) == ("recording", "composite", "speaker")
        assert (begun.created_at, begun.ended_at, begun.stage) == (AT, None, None)
    assert await meetings.recordings.running(session) == recording_id
    assert (await meetings.directory.room(room)).recording_id == recording_id
    for seconds in (60, 70):
        await meetings.recordings.stop(recording_id, after(seconds))
    stopped = await meetings.recordings.find(room, recording_id)
    assert (stopped.status, stopped.stage, stopped.ended_at) == ("processing", "waiting", after(60))
    assert await meetings.recordings.running(session) is None
    assert (await meetings.directory.room(room)).recording_id is None
    again = await meetings.recordings.start(recording_id, room, session, "speaker", after(80))
    assert again.status == "processing"


async def test_one_at_a_time_though_many_start_at_once(meetings: Meetings) -> None:
    room, session = await meetings.begin()
    starts = [meetings.recordings.start(new_id(), room, session, "grid", AT) for _ in range(12)]
    results = await asyncio.gather(*starts, return_exceptions=True)
    (begun,) = [it for it in results if isinstance(it, Recording)]
    assert sum(isinstance(it, AlreadyRecording) for it in results) == 11
    await meetings.recordings.stop(begun.id, after(1))
    following = await meetings.recordings.start(new_id(), room, session, "grid", after(2))
    assert [it.id for it in await meetings.recordings.of_room(room)] == [following.id, begun.id]


async def test_it_needs_a_session_that_is_open(meetings: Meetings) -> None:
    room, session = await meetings.begin()
    other_room, other_session = await meetings.begin()
    await meetings.directory.close_session(session, after(1))
    wrong = [(room, session), (room, other_session), (other_room, SessionId(new_uuid())), (RoomId(new_uuid()), session)]
    for room_id, session_id in wrong:
        with pytest.raises(NoSession):
            await meetings.recordings.start(new_id(), room_id, session_id, "grid", after(2))


async def test_the_end_of_the_session_ends_it(meetings: Meetings) -> None:
    recording, other = await meetings.running(), await meetings.running()
    for seconds in (30, 40):
        await meetings.directory.close_session(recording.session_id, after(seconds))
    ended = await meetings.read(recording)
    assert (ended.status, ended.ended_at) == ("processing", after(30))
    assert (await meetings.read(other)).status == "recording"


async def test_it_says_why_it_was_stopped_if_nobody_asked(meetings: Meetings) -> None:
    recording = await meetings.running()
    await meetings.recordings.stop(recording.id, after(30), "the disk was full")
    await meetings.recordings.stop(recording.id, after(40), "another reason")
    stopped = await meetings.read(recording)
    assert (stopped.status, stopped.error) == ("processing", "the disk was full")


async def test_it_does_not_end_before_it_began(meetings: Meetings) -> None:
    recording = await meetings.running()
    await meetings.recordings.stop(recording.id, AT - timedelta(seconds=9))
    assert (await meetings.read(recording)).ended_at == AT


async def test_the_end_of_a_session_and_a_start_at_once_leave_nothing_running(meetings: Meetings) -> None:
    for _ in range(15):
        room, session = await meetings.begin()
        starts = meetings.recordings.start(new_id(), room, session, "grid", AT)
        await asyncio.gather(starts, meetings.directory.close_session(session, after(1)), return_exceptions=True)
        assert await meetings.recordings.running(session) is None


# --- reading


async def test_only_its_room_has_it(meetings: Meetings) -> None:
    recording = await meetings.running()
    room, _ = await meetings.begin()
    for room_id, recording_id in ((room, recording.id), (recording.room_id, new_id())):
        with pytest.raises(NotFound):
            await meetings.recordings.find(room_id, recording_id)


async def test_statuses_of_those_that_are_there(meetings: Meetings) -> None:
    running, stopped = await meetings.running(), await meetings.stopped()
    found = await meetings.recordings.statuses([running.id, stopped.id, new_id()])
    assert found == {running.id: "recording", stopped.id: "processing"}
    assert await meetings.recordings.statuses([]) == {}


# --- other films


async def test_another_film_is_a_recording_of_its_own(meetings: Meetings) -> None:
    recording = await meetings.ready()
    film = await meetings.recordings.compose(new_id(), recording, "speaker", after(100))
    assert (film.status, film.layout, film.parent_id) == ("processing", "speaker", recording.id)
    assert (film.created_at, film.ended_at, film.session_id) == (after(100), recording.ended_at, recording.session_id)
    job = await meetings.claim(100)
    assert (job.id, job.source_id, job.layout) == (film.id, recording.id, "speaker")
    assert await meetings.jobs.ready(job, made("recordings/other.mp4"), now=after(300))
    (session,) = await meetings.directory.sessions(recording.room_id)
    assert session.recording_url == recording.path
    third = await meetings.recordings.compose(new_id(), await meetings.read(film), "grid", after(200))
    assert third.parent_id == recording.id


async def test_asking_for_the_same_film_again_makes_one(meetings: Meetings) -> None:
    recording = await meetings.ready()
    asked = [meetings.recordings.compose(new_id(), recording, "single", after(100)) for _ in range(6)]
    (film,) = {it.id for it in await asyncio.gather(*asked)}
    job = await meetings.claim(100)
    assert job.id == film
    assert await meetings.jobs.failed(job, "no", None)
    again = await meetings.recordings.compose(new_id(), recording, "single", after(110))
    assert (again.id, again.status, again.error) == (film, "processing", None)
    assert await meetings.jobs.ready(await meetings.claim(110), made(), now=after(300))
    assert (await meetings.recordings.compose(film, recording, "single", after(120))).status == "ready"
    assert (await meetings.recordings.compose(new_id(), recording, "single", after(120))).id != film


async def test_a_film_that_failed_is_made_again_in_place(meetings: Meetings) -> None:
    recording = await meetings.stopped()
    assert await meetings.jobs.failed(await meetings.claim(10), "no", None)
    again = await meetings.recordings.compose(new_id(), recording, "grid", after(20))
    assert (again.id, again.status) == (recording.id, "processing")


async def test_a_film_that_could_not_be_made_again_is_tried_again_in_place(meetings: Meetings) -> None:
    recording = await meetings.ready()
    assert await meetings.recordings.requeue(recording.id, after(20))
    assert await meetings.jobs.failed(await meetings.claim(20), "no", None)
    again = await meetings.recordings.compose(new_id(), recording, "grid", after(30))
    assert (again.id, again.status, again.path) == (recording.id, "processing", recording.path)
    assert await meetings.jobs.ready(await meetings.claim(30), made(), now=after(30))
    assert (await meetings.recordings.compose(new_id(), recording, "grid", after(40))).id != recording.id


async def test_what_cannot_be_filmed(meetings: Meetings) -> None:
    running = await meetings.running()
    with pytest.raises(AlreadyRecording):
        await meetings.recordings.compose(new_id(), running, "grid", after(1))
    empty = await meetings.stopped()
    assert await meetings.jobs.empty(await meetings.claim(10))
    with pytest.raises(NotFound):
        await meetings.recordings.compose(new_id(), empty, "grid", after(20))
    gone = replace(empty, id=new_id())
    with pytest.raises(NotFound):
        await meetings.recordings.compose(new_id(), gone, "grid", after(20))


async def test_what_is_finished_is_made_once_more_when_asked(meetings: Meetings) -> None:
    recording = await meetings.ready(made_track("a", "recordings/a.webm"))
    assert await meetings.recordings.requeue(recording.id, after(50))
    assert not await meetings.recordings.requeue(recording.id, after(51))
    track = next(it for it in await meetings.recordings.of_room(recording.room_id) if it.kind == "track")
    assert not await meetings.recordings.requeue(track.id, after(51))
    job = await meetings.claim(50)
    assert (job.id, job.attempts) == (recording.id, 1)


# --- deletion


async def test_a_recording_goes_with_all_that_was_made_of_it(meetings: Meetings) -> None:
    kept = await meetings.ready()
    recording = await meetings.ready(made_track("a", "recordings/a.webm"), made_track("b", "recordings/b.webm"))
    film = await meetings.recordings.compose(new_id(), recording, "speaker", after(100))
    for _ in range(2):
        await meetings.recordings.delete(recording.room_id, recording.id, after(100))
    assert await meetings.recordings.of_room(recording.room_id) == []
    assert await meetings.deleted_paths(100) == sorted([directory_of(recording), directory_of(film)])
    (session,) = await meetings.directory.sessions(recording.room_id)
    assert session.recording_url is None
    assert (await meetings.directory.sessions(kept.room_id))[0].recording_url == kept.path


async def test_a_track_goes_alone(meetings: Meetings) -> None:
    recording = await meetings.ready(made_track("a", "recordings/a.webm"), made_track("b", "recordings/b.webm"))
    tracks = [it for it in await meetings.recordings.of_room(recording.room_id) if it.kind == "track"]
    await meetings.recordings.delete(recording.room_id, tracks[0].id, after(100))
    assert await meetings.deleted_paths(100) == [tracks[0].path]
    left = [it.id for it in await meetings.recordings.of_room(recording.room_id)]
    assert sorted(left) == sorted([recording.id, tracks[1].id])


async def test_a_track_that_goes_while_its_recording_is_made_again_waits_and_may_come_back(meetings: Meetings) -> None:
    other = await meetings.ready()
    recording = await meetings.ready()
    path = directory_of(recording) + "tracks/a.webm"
    assert await meetings.recordings.requeue(recording.id, after(20))
    assert await meetings.jobs.ready(await meetings.claim(20), made(), [made_track("a", path)], now=after(20))
    for at, is_made in ((100, True), (200, False)):
        assert await meetings.recordings.requeue(recording.id, after(at))
        (track,) = [it for it in await meetings.recordings.of_room(recording.room_id) if it.kind == "track"]
        await meetings.recordings.delete(recording.room_id, track.id, after(at))
        await meetings.recordings.delete(other.room_id, other.id, after(at))
        assert await meetings.deleted_paths(at + 99) == [directory_of(other)]
        job = await meetings.claim(at)
        if is_made:
            assert await meetings.jobs.ready(job, made(), [made_track("a", path)], now=after(at))
        else:
            assert await meetings.jobs.failed(job, "no", None)
    assert await meetings.deleted_paths(300) == sorted([directory_of(other), path])


async def test_a_deletion_is_not_due_any_more_once_its_file_is_a_tracks_again(meetings: Meetings) -> None:
    path = "recordings/a.webm"
    recording = await meetings.ready(made_track("a", path))
    (track,) = [it for it in await meetings.recordings.of_room(recording.room_id) if it.kind == "track"]
    await meetings.recordings.delete(recording.room_id, track.id, after(100))
    (deletion,) = await meetings.deletions.due(after(100))
    assert await meetings.deletions.is_due(deletion, after(100))
    assert not await meetings.deletions.is_due(deletion, after(99)), "it was put off meanwhile"
    await meetings.ready(made_track("b", path))  # as of a worker that does not withdraw deletions
    async with meetings.database.write() as connection:
        row = {"path": path, "due_at": after(100), "attempts": 0}
        await connection.execute(insert_new(connection, DELETIONS, row))
    assert not await meetings.deletions.is_due(deletion, after(200))


async def test_another_rooms_recording_is_not_deleted(meetings: Meetings) -> None:
    recording = await meetings.running()
    room, _ = await meetings.begin()
    await meetings.recordings.delete(room, recording.id, after(1))
    assert (await meetings.read(recording)).id == recording.id


async def test_while_a_worker_has_it_the_deletion_waits_for_the_lease(meetings: Meetings) -> None:
    recording = await meetings.stopped()
    job = await meetings.claim(10)
    await meetings.recordings.delete(recording.room_id, recording.id, after(12))
    assert await meetings.deleted_paths(80) == []
    assert await meetings.deleted_paths(86) == [directory_of(recording)]
    assert not await meetings.jobs.renew(job, after(13), "composing", 0.5)
    assert not await meetings.jobs.ready(job, made(), now=after(300))


async def test_a_room_goes_with_its_recordings(meetings: Meetings) -> None:
    recording = await meetings.ready(made_track("a", "recordings/a.webm"))
    session = SessionId(new_uuid())
    await meetings.directory.open_session(session, recording.room_id, after(50))
    running = await meetings.recordings.start(new_id(), recording.room_id, session, "grid", after(50))
    await meetings.directory.delete_room(meetings.tenant, recording.room_id, after(60))
    assert await meetings.recordings.of_room(recording.room_id) == []
    assert await meetings.deleted_paths(60) == sorted([directory_of(recording), directory_of(running)])


async def test_deletions_are_tried_until_they_are_done(meetings: Meetings) -> None:
    recording = await meetings.ready()
    await meetings.recordings.delete(recording.room_id, recording.id, after(100))
    (deletion,) = await meetings.deletions.due(after(100))
    assert (deletion.recording_id, deletion.attempts, deletion.due_at) == (recording.id, 0, after(100))
    await meetings.deletions.failed(deletion, "the bucket is away", after(200))
    assert await meetings.deletions.due(after(199)) == []
    (again,) = await meetings.deletions.due(after(200))
    assert (again.attempts, again.error) == (1, "the bucket is away")
    for _ in range(2):
        await meetings.deletions.done(again)
    assert await meetings.deletions.due(after(999)) == []


# --- retention


async def test_recordings_expire_by_their_tenants_rule(database: Database, tenant: TenantId, other: TenantId) -> None:
    access = Access(database)
    ours, theirs = Meetings(database, tenant), Meetings(database, other)
    old, running, kept = await ours.ready(), await ours.running(), await theirs.ready()
    assert await ours.recordings.expire(after(365 * 86400)) == 0
    await access.set_retention(tenant, 7)
    assert (await access.tenant("first")).retention_days == 7
    assert await ours.recordings.expire(after(10 + 7 * 86400)) == 0
    assert await ours.recordings.expire(after(11 + 7 * 86400)) == 1
    assert await ours.deleted_paths(11 + 7 * 86400) == [directory_of(old)]
    assert await ours.recordings.expire(after(365 * 86400)) == 0
    assert (await ours.read(running)).status == "recording"
    assert (await theirs.read(kept)).status == "ready"
    await access.set_retention(tenant, None)
    assert (await access.tenant("first")).retention_days is None


async def test_recordings_are_kept_for_a_day_at_least(database: Database, tenant: TenantId) -> None:
    with pytest.raises(ValueError, match="at least one day"):
        await Access(database).set_retention(tenant, 0)
