"""The process that makes the films of a recording."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tertulia.db.models import Job
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId
from tertulia.process.lines import MAX_LINE
from tertulia.recorder.films import Films
from tertulia.recorder.jobs.inputs import Fault, NoMedia
from tertulia.recorder.jobs.retry import Cause
from tertulia.recorder.making import make
from tertulia.recorder.place import WORK, Place
from tests.integration.recorder.studio import now
from tests.recordings.content import Encoded
from tests.recordings.stage import Stage, picture, sound

ID = RecordingId("6f1c0000-0000-4000-8000-000000000001")


def job() -> Job:
    return Job(
        id=ID,
        source_id=ID,
        room_id=RoomId("r"),
        session_id=SessionId("s"),
        tenant_id=TenantId("t"),
        layout="grid",
        key_id=None,
        created_at=now(),
        ended_at=now(),
        attempts=1,
        film_faults=0,
        error=None,
        worker="w",
        lease="l",
        lease_seconds=15.0,
    )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A recording under construction, with a part."""
    stage = Stage(tmp_path / ID, random.Random(8))
    stage.part()
    return stage


async def made(stage: Stage, signs: list[float | None] | None = None) -> Films | NoMedia | Fault:
    """What the process makes of a recording; ``signs``: progress, and None for each sign of life beside it."""
    heard = [] if signs is None else signs
    return await make(Place(stage.directory.parent, ID), job(), heard.append, lambda: heard.append(None))


async def test_what_an_attempt_has_made_the_next_one_uses_again(stage: Stage) -> None:
    ada = stage.person("Ada", 0.0, 1.0)
    ada.track("microphone", "opus").send(sound(0.0, 1.0))
    ada.track("camera", "VP8").send(picture(0.0, 1.0))
    stage.ends(1.0)
    stage.finish(1.0)
    signs: list[float | None] = []
    first = await made(stage, signs)
    assert isinstance(first, Films)
    assert None in signs, "it says that it is alive before anything is done"
    assert signs[-1] == 1.0
    work = stage.directory / WORK
    tracks = [work / track.file.path for track in first.tracks]
    before = [path.stat().st_mtime_ns for path in tracks]
    for memo in work.glob("films-*.json"):
        memo.write_bytes(b"{}")  # as if another version had made it
    again = await made(stage)
    assert again == first
    assert [path.stat().st_mtime_ns for path in tracks] == before
    for memo in work.glob("films-*.json"):
        memo.unlink()
    late = stage.part(1.0, "node-2")
    stage.person("Bob", 1.0, 2.0).track("microphone", "opus").send(sound(1.0, 2.0))
    stage.ends(2.0)
    late.write(stage.directory)
    longer = await made(stage)
    assert isinstance(longer, Films)
    assert len(longer.tracks) == 3
    assert longer.composite.duration == pytest.approx(2.0, abs=0.1)
    assert tracks[0].stat().st_mtime_ns > before[0], "a track of another recording is another one"


async def test_what_is_made_may_be_of_any_length(stage: Stage) -> None:
    stage.person("Ada", 0.0, 1.0).track("microphone", "opus").send(sound(0.0, 1.0))
    gone = [f"{number}-{'long' * 60}.mjr" for number in range(3 * MAX_LINE // 256)]
    lose(stage, gone)
    stage.ends(1.0)
    stage.finish(1.0)
    films = await made(stage)
    assert isinstance(films, Films)
    assert len(films.trouble) == len(gone)


async def test_why_nothing_is_made_may_be_of_any_length(stage: Stage) -> None:
    stage.person("Ada", 0.0, 1.0)
    lose(stage, [f"{number}-{'long' * 60}.mjr" for number in range(3 * MAX_LINE // 256)])
    stage.ends(1.0)
    stage.finish(1.0)
    part = stage.directory / stage.parts[0].name
    (part / "unknown.mjr").write_bytes(b"some media")
    fault = await made(stage)
    assert isinstance(fault, Fault)
    assert fault.cause is Cause.FINAL
    assert fault.error.startswith("A file cannot be read")


async def test_a_track_of_which_no_file_can_be_made_is_missing_alone(stage: Stage) -> None:
    ada = stage.person("Ada", 0.0, 1.0)
    ada.track("microphone", "opus").send(sound(0.0, 1.0))
    ada.track("camera", "H264").send(without_parameters(frame) for frame in picture(0.0, 1.0, codec="H264"))
    stage.ends(1.0)
    stage.finish(1.0)
    films = await made(stage)
    assert isinstance(films, Films)
    assert [track.source for track in films.tracks] == ["microphone"]
    (trouble,) = films.trouble
    assert trouble.startswith("No file can be made of Ada's camera")


def without_parameters(frame: Encoded) -> Encoded:
    """A picture of H.264 whose sequence parameter set has nothing in it."""
    start = b"\0\0\0\1"
    units = (unit[:1] if unit and unit[0] & 31 == 7 else unit for unit in frame.data.split(start))
    return frame._replace(data=start.join(units))


def lose(stage: Stage, files: list[str]) -> None:
    """Tracks of the first person whose files are not there."""
    about = {"peer": 1, "source": "camera", "kind": "video", "codec": "VP8", "clockRate": 90_000, "ssrc": 1}
    for number, file in enumerate(files, 100):
        stage.parts[-1].tell(0.5, "track", track=number, file=file, **about)
