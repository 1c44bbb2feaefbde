"""What a recording's parts say together, beside its media: see the corpus for that."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tertulia.recorder.raw.recording import Recording, Span, Speaking, Unplayable, read
from tertulia.recorder.raw.track_file import PULSE_PACKETS
from tests.recordings.content import Encoded
from tests.recordings.sending import SentTrack
from tests.recordings.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, random.Random(8))


def _finish(stage: Stage) -> Recording:
    stage.finish(0.0)
    return read(stage.directory)


def _talk(stage: Stage, begin: float, end: float) -> SentTrack:
    """Someone's microphone, which nobody could listen to."""
    peer = stage.person("Ada", begin, end)
    track = peer.track("microphone", "opus")
    count = round((end - begin) * 50)
    track.send(Encoded(begin + i * 0.02, b"\x78" + i.to_bytes(4), is_keyframe=True) for i in range(count))
    return track


def _near(*spans: tuple[float, float]) -> list[object]:
    return [pytest.approx(span, abs=0.06) for span in spans]


def _pairs(spans: tuple[Span, ...]) -> list[tuple[float, float]]:
    return [(span.begin, span.end) for span in spans]


def test_it_says_what_and_when_it_is(stage: Stage) -> None:
    stage.part()
    _talk(stage, 0.0, 2.0)
    stage.ends(2.0)
    recording = _finish(stage)
    assert (recording.id, recording.room_id, recording.begins) == ("recording-1", "room-1", 1_795_000_000.0)
    assert recording.duration == pytest.approx(2.0, abs=0.06)
    assert recording.trouble == ()
    (track,) = recording.tracks
    assert (track.user_id, track.name, track.source, track.kind, track.codec, track.channels) == (
        "user-Ada", "Ada", "microphone", "audio", "opus", 2,
    )  # fmt: skip


def test_tracks_can_be_read_again(stage: Stage) -> None:
    stage.part()
    _talk(stage, 0.0, 1.0)
    (track,) = _finish(stage).tracks
    assert len(list(track.samples())) == 50
    assert list(track.samples()) == list(track.samples())


def test_whoever_reads_a_long_recording_can_say_that_it_gets_on(stage: Stage) -> None:
    stage.part()
    _talk(stage, 0.0, 2.5 * PULSE_PACKETS / 50)
    stage.finish(0.0)
    pulses: list[int] = []
    (track,) = read(stage.directory, lambda: pulses.append(1)).tracks
    assert len(pulses) == 3
    next(samples := track.samples())
    assert len(pulses) == 4, "while they are read, not before"
    assert len(list(samples)) > 2 * PULSE_PACKETS
    assert len(pulses) == 6


def test_one_person_on_two_connections_is_one(stage: Stage) -> None:
    stage.part()
    stage.person("Ada", 0.0, 5.0)
    stage.person("Bob", 1.0, 2.0)
    stage.person("Ada", 4.0, 9.0)
    stage.ends(9.0)
    people = _finish(stage).people
    assert [(person.user_id, _pairs(person.spans)) for person in people] == [
        ("user-Ada", [(0.0, 9.0)]),
        ("user-Bob", [(1.0, 2.0)]),
    ]


def test_the_last_name_counts(stage: Stage) -> None:
    part = stage.part()
    track = _talk(stage, 0.0, 2.0)
    stage.person("Bob", 0.0, 2.0)
    part.tell(1.0, "renamed", peer=track.written.peer, name="Ada L.")
    part.tell(1.0, "renamed", peer=77, name="nobody")
    stage.ends(2.0)
    recording = _finish(stage)
    assert {person.name for person in recording.people} == {"Ada L.", "Bob"}
    assert [track.name for track in recording.tracks] == ["Ada L."]


def test_who_is_still_there_at_the_end_leaves_then(stage: Stage) -> None:
    part = stage.part()
    part.tell(1.0, "joined", peer=1, user="u", name="Ada")
    stage.ends(7.0)
    (person,) = _finish(stage).people
    assert _pairs(person.spans) == [(1.0, 7.0)]


def test_parts_are_joined_by_the_wall_clock(stage: Stage) -> None:
    stage.part()
    _talk(stage, 0.0, 2.0)
    stage.ends(2.0)
    stage.part(5.0, "node-2").tell(6.0, "speakers", users=["user-Ada"])
    _talk(stage, 5.0, 8.0)
    stage.ends(8.0)
    recording = _finish(stage)
    assert recording.duration == pytest.approx(8.0, abs=0.06)
    assert [_pairs(track.spans) for track in recording.tracks] == [_near((0.02, 2.02)), _near((5.02, 8.02))]
    assert recording.speakers == (Speaking(6.0, ("user-Ada",)),)
    assert [_pairs(person.spans) for person in recording.people] == [[(0.0, 2.0), (5.0, 8.0)]]


def test_trouble_is_told(stage: Stage) -> None:
    stage.part()
    track = _talk(stage, 0.0, 2.0)
    stage.parts[0].tell(1.0, "gap", track=track.written.number, lost=7)
    stage.ends(125.0, "disk_full")
    assert _finish(stage).trouble == (
        "The disk was full at 0:02:05: nothing was recorded from then on.",
        "7 packets of Ada's microphone were left out: the disk was too slow.",
    )


def test_a_part_without_an_end_was_cut_off(stage: Stage) -> None:
    stage.part().tell(3661.0, "speakers", users=[])
    _talk(stage, 0.0, 1.0)
    assert _finish(stage).trouble == ("The recording was cut off at 1:01:01: its node died.",)


def test_a_part_that_cannot_be_read_leaves_the_others(stage: Stage) -> None:
    stage.part()
    _talk(stage, 0.0, 1.0)
    stage.ends(1.0)
    stage.finish(1.0)
    for name, text in (("bad", "[]\n"), ("cut", '{"t":')):
        (stage.directory / name).mkdir()
        (stage.directory / name / "part.jsonl").write_text(text)
    recording = read(stage.directory)
    assert len(recording.tracks) == 1
    assert ["bad" in text or "cut" in text for text in recording.trouble] == [True, True]


def test_a_file_that_cannot_be_read_leaves_the_others(stage: Stage) -> None:
    stage.part()
    _talk(stage, 0.0, 1.0)
    _talk(stage, 0.0, 1.0)
    stage.ends(1.0)
    stage.finish(1.0)
    next(stage.directory.glob("*/1-microphone.mjr")).unlink()
    next(stage.directory.glob("*/2-microphone.mjr")).write_bytes(b"RIFF")
    recording = read(stage.directory)
    assert recording.tracks == ()
    assert len(recording.trouble) == 2


def test_nothing_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unplayable):
        read(tmp_path)


def test_levels_and_rotation_come_with_samples(stage: Stage) -> None:
    part = stage.part()
    track = _talk(stage, 0.0, 0.1)
    video = stage.person("Bob", 0.0, 1.0).track("camera", "VP8")
    video.send([Encoded(0.1, b"\x10key", is_keyframe=True), Encoded(0.2, b"\x11delta", is_keyframe=False)])
    for written, extension in ((track.written, b"\x10\x9e\0\0"), (video.written, b"\x20\x01\0\0")):
        at, packet = written.packets[0]
        written.packets[0] = (at, bytes([0x90]) + packet[1:12] + b"\xbe\xde\0\1" + extension + packet[12:])
    stage.ends(1.0)
    sound, picture = _finish(stage).tracks
    assert [sample.level for sample in sound.samples()] == [30, None, None, None, None]
    assert [sample.rotation for sample in picture.samples()] == [90, 90]
    assert part.name in sound.id


def test_lines_that_are_wrong_are_counted_and_end_nothing(stage: Stage) -> None:
    part = stage.part()
    _talk(stage, 0.0, 2.0)
    part.tell(0.5, "speakers", users="Ada")
    part.tell(0.6, "report", track=1, ntp=-1, rtp=0)
    stage.ends(2.0)
    recording = _finish(stage)
    assert recording.duration == pytest.approx(2.0, abs=0.06)
    assert recording.trouble == (f"2 lines of a list are wrong, and were passed over ({part.name}/part.jsonl).",)
