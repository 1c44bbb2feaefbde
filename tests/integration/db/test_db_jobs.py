"""Jobs, the same on SQLite and PostgreSQL: one worker at a time has the lease, and nobody else can change anything."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tertulia.db import jobs
from tertulia.db.engine import Database
from tertulia.db.jobs import Jobs
from tertulia.db.models import Job, MadeTrack
from tertulia.ids import RecordingId, TenantId, new_uuid
from tests.integration.db.meetings import LEASE, Meetings, after, made, made_track


@pytest.fixture
def meetings(database: Database, tenant: TenantId) -> Meetings:
    return Meetings(database, tenant)


async def test_a_job_says_what_is_to_be_made(meetings: Meetings, tenant: TenantId) -> None:
    recording = await meetings.stopped(60)
    assert await meetings.jobs.claim("early", after(59), LEASE) is None
    job = await meetings.claim(60)
    expected = (recording.id, recording.id, recording.room_id, recording.session_id, tenant, "grid", 1)
    assert (
        job.id,
        job.source_id,
        job.room_id,
        job.session_id,
        job.tenant_id,
        job.layout,
        job.attempts,
    ) == expected
    assert (job.created_at, job.ended_at) == (recording.created_at, after(60))


async def test_what_is_being_recorded_is_no_job(meetings: Meetings) -> None:
    await meetings.running()
    assert await meetings.jobs.claim("worker", after(9999), LEASE) is None


async def test_workers_at_once_take_different_jobs(meetings: Meetings, database_url: str) -> None:
    """Each worker has a pool of connections of its own, as processes have."""
    waiting = {(await meetings.stopped()).id for _ in range(6)}
    databases = [Database(database_url) for _ in range(4)]

    async def work(name: int) -> list[str]:
        taken: list[str] = []
        # A worker that comes away empty-handed while others are taking jobs asks again, as workers do.
        for _ in range(30):
            job = await Jobs(databases[name]).claim(f"worker {name}", after(10), LEASE)
            if job is not None:
                taken.append(job.id)
        return taken

    taken = [it for found in await asyncio.gather(*(work(i) for i in range(4))) for it in found]
    assert (len(taken), set(taken)) == (len(waiting), waiting)
    await asyncio.gather(*(database.close() for database in databases))


async def test_who_waits_longest_is_first(meetings: Meetings) -> None:
    second, first = await meetings.stopped(20), await meetings.stopped(10)
    assert [(await meetings.claim(30)).id for _ in range(2)] == [first.id, second.id]


async def test_progress_is_shown_and_the_lease_goes_on(meetings: Meetings) -> None:
    await meetings.stopped()
    job = await meetings.claim(10)
    for seconds in (20, 30, 40):
        assert await meetings.jobs.renew(job, after(seconds), "composing", seconds / 100, after(99))
        assert await meetings.jobs.claim("other", after(seconds + LEASE - 1), LEASE) is None
    shown = await meetings.read(job)
    assert (shown.stage, shown.progress, shown.expected_at) == ("composing", 0.4, after(99))


async def test_when_the_lease_has_run_out_another_takes_over_and_the_first_can_do_nothing(meetings: Meetings) -> None:
    await meetings.stopped()
    first = await meetings.claim(10, "same name")
    second = await meetings.claim(10 + LEASE + 1, "same name")
    assert (second.id, second.attempts) == (first.id, 2)
    changes = [
        meetings.jobs.renew(first, after(27), "uploading", 0.9),
        meetings.jobs.give_back(first, after(27)),
        meetings.jobs.failed(first, "no", after(27)),
        meetings.jobs.failed(first, "no", None),
        meetings.jobs.empty(first),
        meetings.jobs.ready(
            first, made("recordings/first.mp4"), [made_track("a", "recordings/a.webm")], now=after(300)
        ),
    ]
    assert await asyncio.gather(*changes) == [False] * 6
    shown = await meetings.read(second)
    assert (shown.status, shown.stage, shown.path, shown.error) == ("processing", "waiting", None, None)
    assert await meetings.jobs.ready(second, made("recordings/second.mp4"), now=after(300))
    assert await meetings.recordings.of_room(second.room_id) == [await meetings.read(second)]


async def test_late_is_not_lost_while_nobody_else_has_it(meetings: Meetings) -> None:
    await meetings.stopped()
    job = await meetings.claim(10)
    assert await meetings.jobs.renew(job, after(500), "composing", 0.5)
    assert await meetings.jobs.claim("other", after(510), LEASE) is None


async def test_given_back_it_counts_no_attempt(meetings: Meetings) -> None:
    await meetings.stopped()
    for _ in range(3):
        job = await meetings.claim(10)
        assert job.attempts == 1
        assert await meetings.jobs.give_back(job, after(10))
        assert not await meetings.jobs.give_back(job, after(10))
    job = await meetings.claim(10)
    assert await meetings.jobs.give_back(job, after(20))
    assert await meetings.jobs.claim("worker", after(19), LEASE) is None
    await meetings.claim(20)


async def test_given_back_it_may_say_why(meetings: Meetings) -> None:
    await meetings.stopped()
    job = await meetings.claim(10)
    assert await meetings.jobs.give_back(job, after(10), "a node hangs")
    again = await meetings.claim(10)
    assert (again.error, (await meetings.read(job)).error) == ("a node hangs", "a node hangs")
    assert await meetings.jobs.give_back(again, after(10))
    assert (await meetings.read(job)).error == "a node hangs"
    again = await meetings.claim(10)
    for over, left in ((None, "a node hangs"), ("the bucket is away", "a node hangs"), ("a node hangs", None)):
        assert await meetings.jobs.renew(again, after(10), "composing", 0.0, over=over)
        assert (await meetings.read(job)).error == left


async def test_it_is_tried_again_later_and_says_why(meetings: Meetings) -> None:
    await meetings.stopped()
    job = await meetings.claim(10)
    for _ in range(2):
        assert await meetings.jobs.failed(job, "the bucket is away", after(100))
    shown = await meetings.read(job)
    assert (shown.status, shown.stage, shown.error) == ("processing", "waiting", "the bucket is away")
    assert await meetings.jobs.claim("worker", after(99), LEASE) is None
    assert (await meetings.claim(100)).attempts == 2


async def test_faults_of_the_film_are_counted_by_themselves(meetings: Meetings) -> None:
    recording = await meetings.stopped()
    assert await meetings.jobs.failed(await meetings.claim(10), "the bucket is away", after(20))
    job = await meetings.claim(20)
    assert (job.attempts, job.film_faults) == (2, 0)
    for _ in range(2):  # the first answer was lost
        assert await meetings.jobs.failed(job, "the encoder gives up", after(30), by_film=True)
    job = await meetings.claim(30)
    assert (job.attempts, job.film_faults) == (3, 1)
    assert await meetings.jobs.failed(job, "the encoder gives up", None, by_film=True)
    assert await meetings.recordings.requeue(recording.id, after(40))
    job = await meetings.claim(40)
    assert (job.attempts, job.film_faults) == (1, 0)


async def test_a_film_that_cannot_be_made_again_is_the_one_it_was(meetings: Meetings) -> None:
    before = await meetings.ready(made_track("a", "recordings/a.webm"))

    async def failed(job: Job) -> bool:
        return await meetings.jobs.failed(job, "the encoder gives up", None, by_film=True)

    for at, (end, why) in enumerate(((failed, "gives up"), (meetings.jobs.empty, "nothing left")), 1):
        assert await meetings.recordings.requeue(before.id, after(50 * at))
        job = await meetings.claim(50 * at)
        for _ in range(2):  # the first answer was lost
            assert await end(job)
        kept = await meetings.read(before)
        assert why in str(kept.error)
        assert kept.remake_failed
        assert replace(kept, error=None, remake_failed=False) == before
    (session,) = await meetings.directory.sessions(before.room_id)
    assert session.recording_url == before.path
    assert await meetings.recordings.requeue(before.id, after(200))
    assert await meetings.jobs.ready(await meetings.claim(200), made("recordings/again.mp4"), now=after(300))
    again = await meetings.read(before)
    assert (again.path, again.error, again.remake_failed) == ("recordings/again.mp4", None, False)


async def test_the_end_may_be_said_twice(meetings: Meetings) -> None:
    async def ready(job: Job) -> bool:
        return await meetings.jobs.ready(job, made(), [made_track("a", "recordings/a.webm")], now=after(300))

    async def failed(job: Job) -> bool:
        return await meetings.jobs.failed(job, "nothing works", None)

    for end, status in ((ready, "ready"), (failed, "failed"), (meetings.jobs.empty, "empty")):
        await meetings.stopped()
        job = await meetings.claim(10)
        assert [await end(job), await end(job)] == [True, True]
        assert (await meetings.read(job)).status == status
        assert not await meetings.jobs.renew(job, after(11), "composing", 0.5)
        assert not await meetings.jobs.give_back(job, after(11))
        assert await meetings.jobs.claim("other", after(9999), LEASE) is None


async def test_what_was_made_is_shown_and_the_session_names_it(meetings: Meetings) -> None:
    await meetings.stopped()
    job = await meetings.claim(10)
    tracks = [made_track("a", "recordings/a.webm"), made_track("b", "recordings/b.webm")]
    assert await meetings.jobs.ready(
        job, made("recordings/film.mp4"), tracks, "its end is missing: the disk was full", now=after(300)
    )
    film, *shown = sorted(await meetings.recordings.of_room(job.room_id), key=lambda it: it.kind)
    assert (film.status, film.path, film.duration, film.size) == ("ready", "recordings/film.mp4", 12.5, 1234567890123)
    assert (film.sha256, film.error) == ("ab" * 32, "its end is missing: the disk was full")
    assert {it.id for it in shown} == {jobs.track_id(job.id, "a"), jobs.track_id(job.id, "b")}
    for track in shown:
        assert (track.parent_id, track.status, track.user_name) == (job.id, "ready", "Zoë 🙂")
        assert (track.source, track.offset, track.created_at) == ("microphone", 2.25, after(2.25))
    (session,) = await meetings.directory.sessions(job.room_id)
    assert session.recording_url == "recordings/film.mp4"


async def test_made_again_its_tracks_are_the_same_ones(meetings: Meetings) -> None:
    recording = await meetings.ready(made_track("a", "recordings/a.webm"))
    assert await meetings.recordings.requeue(recording.id, after(50))
    job = await meetings.claim(50)
    assert await meetings.jobs.ready(job, made(), [made_track("a", "recordings/a2.webm")], now=after(300))
    tracks = [it for it in await meetings.recordings.of_room(job.room_id) if it.kind == "track"]
    assert [it.path for it in tracks] == ["recordings/a2.webm"]


async def test_made_again_it_has_the_tracks_that_were_made_now(meetings: Meetings) -> None:
    recording, other = await meetings.ready(*tracks("a", "b")), await meetings.ready(*tracks("a"))
    film = await meetings.recordings.compose(RecordingId(new_uuid()), recording, "speaker", after(20))
    for seconds, names in ((50, "bc"), (60, "abc")):
        assert await meetings.recordings.requeue(recording.id, after(seconds))
        while (job := await meetings.claim(seconds)).id != recording.id:
            assert await meetings.jobs.give_back(job, after(70))
        assert await meetings.jobs.ready(job, made(), tracks(*names), now=after(seconds))
        rows = await meetings.recordings.of_room(recording.room_id)
        assert {it.path for it in rows if it.kind == "track"} == {f"recordings/{name}.webm" for name in names}
        assert film.id in {it.id for it in rows}
        gone = set("abc") - set(names)
        assert await meetings.deleted_paths(seconds) == [f"recordings/{name}.webm" for name in gone]
    assert len(await meetings.recordings.of_room(other.room_id)) == 2


def tracks(*names: str) -> list[MadeTrack]:
    return [made_track(name, f"recordings/{name}.webm") for name in names]


async def test_the_session_names_its_newest_film(meetings: Meetings) -> None:
    room, session = await meetings.begin()
    for number, seconds in enumerate((0, 100)):
        recording_id = RecordingId(new_uuid())
        await meetings.recordings.start(recording_id, room, session, "grid", after(seconds))
        await meetings.recordings.stop(recording_id, after(seconds + 50 - number))
    later, earlier = await meetings.recordings.of_room(room)
    claimed = {job.id: job for job in [await meetings.claim(200), await meetings.claim(200)]}
    assert await meetings.jobs.ready(claimed[later.id], made("recordings/later.mp4"), now=after(300))
    assert await meetings.jobs.ready(claimed[earlier.id], made("recordings/earlier.mp4"), now=after(300))
    (found,) = await meetings.directory.sessions(room)
    assert found.recording_url == "recordings/later.mp4"
    await meetings.recordings.delete(room, later.id, after(300))
    (found,) = await meetings.directory.sessions(room)
    assert found.recording_url == "recordings/earlier.mp4"


async def test_another_film_waits_until_the_first_one_is_made(meetings: Meetings) -> None:
    recording = await meetings.stopped()
    film = await meetings.recordings.compose(RecordingId(new_uuid()), recording, "speaker", after(9))
    job = await meetings.claim(10)
    assert job.id == recording.id
    assert await meetings.jobs.claim("other", after(11), LEASE) is None
    assert await meetings.jobs.failed(job, "no", None)
    assert (await meetings.claim(11)).id == film.id


async def test_what_was_asked_for_anew_is_out_of_the_old_workers_reach(meetings: Meetings) -> None:
    recording = await meetings.stopped()
    job = await meetings.claim(10)
    assert await meetings.jobs.failed(job, "no", None)
    assert await meetings.recordings.requeue(recording.id, after(20))
    assert not await meetings.jobs.failed(job, "no", None)
    assert not await meetings.jobs.ready(job, made(), now=after(300))
    assert (await meetings.read(recording)).status == "processing"
