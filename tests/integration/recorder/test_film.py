"""Films of made-up recordings, as a viewer gets them."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tertulia.recorder.film.compose import Cancelled, Made, compose
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.raw.recording import Codec, Recording, Sample, Span, Track
from tests.integration.recorder import actors, watching

SKEW_SECONDS = 0.040


def film(recorded: Recording, directory: Path, layout: Layout = Layout.GRID) -> tuple[Path, Made]:
    out = directory / f"{layout}.mp4"
    return out, compose(recorded, layout, directory / "work", out, lambda fraction: None)


def alone(duration: float, *tracks: Track) -> Recording:
    return actors.recording(duration, {"ann": [Span(0, duration)]}, list(tracks))


def test_picture_and_sound_are_in_step_and_as_long_as_the_recording(tmp_path: Path) -> None:
    duration = 12.5
    span = [Span(0, duration)]
    recorded = alone(
        duration, actors.video("v", "ann", span, actors.flashing(640, 360)), actors.audio("a", "ann", span)
    )
    out, made = film(recorded, tmp_path)
    assert made == Made(duration, out.stat().st_size)
    probe = watching.probed(out)
    assert abs(float(probe["format"]["duration"]) - duration) <= 0.1
    assert [float(stream["start_time"]) for stream in probe["streams"]] == [0, 0]
    assert [stream["codec_name"] for stream in probe["streams"]] == ["h264", "aac"]
    assert (probe["streams"][0]["width"], probe["streams"][0]["height"]) == (1280, 720)
    seen, heard = watching.flashes(out, 640, 300), watching.beeps(out)
    assert len(seen) == len(heard) == 13
    for second, (flash, beep) in enumerate(zip(seen, heard, strict=True)):
        assert abs(flash - second) <= SKEW_SECONDS
        assert abs(flash - beep) <= SKEW_SECONDS
    assert watching.complaints(out) == ""


def test_the_index_comes_first(tmp_path: Path) -> None:
    out, _ = film(alone(1.0), tmp_path)
    head = out.read_bytes()
    assert 0 < head.index(b"moov") < head.index(b"mdat")


def test_segments_are_joined_without_a_seam(tmp_path: Path) -> None:
    span = [Span(0, 124)]
    recorded = alone(
        124, actors.video("v", "ann", span, actors.flashing(160, 90), fps=5), actors.audio("a", "ann", span)
    )
    out, _ = film(recorded, tmp_path)
    assert len(list((tmp_path / "work").glob("grid-*.mp4"))) == 3
    seen, heard = watching.flashes(out, 640, 300), watching.beeps(out)
    np.testing.assert_allclose(seen, range(124), atol=SKEW_SECONDS)
    np.testing.assert_allclose(heard, range(124), atol=SKEW_SECONDS)
    times = [at for at, _ in watching.frames(out)]
    assert np.diff(times).min() > 0
    assert np.diff(times).max() <= 1.001
    assert watching.complaints(out) == ""
    for at in (0.05, 59.95, 60.05, 119.5, 120.05, 123.9):
        bright = at % 1 < actors.FLASH_SECONDS
        assert (watching.frame_at(out, at)[300, 640] > 180) == bright, at


def test_clock_drift_is_made_up_for(tmp_path: Path) -> None:
    span = [Span(0, 60)]
    out, _ = film(alone(60, actors.audio("a", "ann", span, drift=0.001)), tmp_path)
    np.testing.assert_allclose(watching.beeps(out), range(60), atol=0.01)


def test_silence_where_no_packet_is(tmp_path: Path) -> None:
    spans = [Span(0, 3), Span(6, 8)]
    out, _ = film(alone(10, actors.audio("a", "ann", spans, shown=lambda at: not 6.9 < at < 7.2)), tmp_path)
    np.testing.assert_allclose(watching.beeps(out), [0, 1, 2, 6], atol=0.01)
    samples = watching.sound(out)
    assert abs(len(samples) / 48_000 - 10) <= 0.1
    assert np.abs(samples[4 * 48_000 : 5 * 48_000]).max() < 0.001
    assert np.abs(samples[9 * 48_000 :]).max() < 0.001


def test_everyone_is_heard_and_screens_too(tmp_path: Path) -> None:
    tracks = [
        actors.audio("a", "ann", [Span(0, 2)]),
        actors.audio("b", "bob", [Span(3, 5)]),
        actors.audio("s", "bob", [Span(6, 8)], source="screen-audio"),
    ]
    recorded = actors.recording(8, {"ann": [Span(0, 8)], "bob": [Span(0, 8)]}, tracks)
    out, _ = film(recorded, tmp_path)
    np.testing.assert_allclose(watching.beeps(out), [0, 1, 3, 4, 6, 7], atol=0.01)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_stall_holds_the_picture_then_shows_the_avatar(tmp_path: Path, codec: Codec) -> None:
    track = actors.video(
        "v", "ann", [Span(0, 10)], lambda at: actors.plain(640, 360, 220), codec=codec, shown=lambda at: at < 2, fps=10
    )
    out, _ = film(alone(10, track), tmp_path)
    assert watching.frame_at(out, 1.0)[100, 100] > 200
    assert watching.frame_at(out, 6.5)[100, 100] > 200
    assert watching.frame_at(out, 7.5)[100, 100] < 60


def test_a_screen_that_does_not_change_stays(tmp_path: Path) -> None:
    track = actors.video(
        "v",
        "ann",
        [Span(0, 10)],
        lambda at: actors.plain(640, 360, 220),
        source="screen",
        shown=lambda at: at < 1,
        fps=10,
    )
    out, _ = film(alone(10, track), tmp_path, Layout.SINGLE)
    assert watching.frame_at(out, 9.5)[100, 100] > 200


def test_a_camera_that_is_off_is_an_avatar(tmp_path: Path) -> None:
    track = actors.video("v", "ann", [Span(0, 2), Span(4, 6)], lambda at: actors.plain(640, 360, 220), fps=10)
    out, _ = film(alone(6, track), tmp_path)
    assert [int(watching.frame_at(out, at)[100, 100]) > 200 for at in (1, 3, 5)] == [True, False, True]


def test_the_picture_changes_its_size_and_is_turned(tmp_path: Path) -> None:
    def growing(at: float) -> actors.Picture:
        return actors.plain(320, 180, 220) if at < 1 else actors.plain(640, 480, 220)

    track = actors.video("v", "ann", [Span(0, 2)], growing, fps=10)
    out, _ = film(alone(2, track), tmp_path)
    wide, narrow = watching.frame_at(out, 0.5), watching.frame_at(out, 1.5)
    assert wide[360, 100] > 200
    assert narrow[360, 100] < 60  # 960 of 1280 pixels, in the middle
    assert narrow[360, 200] > 200
    turned = actors.video("v", "ann", [Span(0, 1)], lambda at: actors.plain(640, 360, 220), fps=10, rotation=90)
    (tmp_path / "turned").mkdir()
    out, _ = film(alone(1, turned), tmp_path / "turned")
    upright = watching.frame_at(out, 0.5)
    assert upright[20, 640] > 200
    assert upright[360, 400] < 60


def test_what_cannot_be_decoded_does_no_harm(tmp_path: Path) -> None:
    good = actors.video("v", "ann", [Span(0, 3)], lambda at: actors.plain(640, 360, 220), fps=10)
    samples = list(good.samples())
    rubbish = [
        Sample(sample.at, b"\xff" * 40, is_keyframe=True, duration=0) if 10 <= number < 15 else sample
        for number, sample in enumerate(samples)
    ]
    broken = msgspec.structs.replace(good, read=lambda: iter(rubbish))
    sounds = actors.audio("a", "ann", [Span(0, 3)])
    noise = [Sample(at / 10, b"\xff\xff", is_keyframe=True, duration=0.02) for at in range(20)]
    noisy = msgspec.structs.replace(sounds, read=lambda: iter(noise))
    out, _ = film(alone(3, broken, noisy), tmp_path)
    assert watching.frame_at(out, 1.2)[100, 100] > 200
    assert watching.complaints(out) == ""


def test_nothing_at_all_is_a_film_of_an_empty_room(tmp_path: Path) -> None:
    out, _ = film(actors.recording(1.0, {}, []), tmp_path)
    assert watching.complaints(out) == ""
    assert watching.frame_at(out, 0.5).max() < 40


def test_the_picture_says_how_many_are_not_in_it(tmp_path: Path) -> None:
    shown, hidden = (actors.recording(1, {f"u{user}": [Span(0, 1)] for user in range(people)}, []) for people in (6, 9))
    (tmp_path / "shown").mkdir()
    corners = []
    for recorded, directory in ((shown, tmp_path / "shown"), (hidden, tmp_path)):
        out, _ = film(recorded, directory, Layout.SPEAKER)
        corners.append(int(watching.frame_at(out, 0.5)[690:716, 1240:1276].max()))
    assert corners[0] < 60
    assert corners[1] > 150


def test_what_does_not_change_is_not_encoded_again(tmp_path: Path) -> None:
    out, _ = film(alone(30), tmp_path)
    assert 88 <= len(list(watching.frames(out))) <= 100
    assert abs(float(watching.probed(out)["format"]["duration"]) - 30) <= 0.1


def story() -> Recording:
    """124 seconds in which people come, go, speak and share a screen."""
    people = {"ann": [Span(0, 124)], "bob": [Span(10, 100)]}
    tracks = [
        actors.video("v", "ann", [Span(0, 124)], actors.flashing(160, 90), fps=2),
        actors.video("w", "bob", [Span(10, 70)], actors.flashing(160, 90, 100), fps=2),
        actors.video("s", "bob", [Span(50, 90)], actors.flashing(320, 180, 150), source="screen", fps=2),
        actors.audio("a", "ann", [Span(0, 124)]),
    ]
    return actors.recording(124, people, tracks, [(5, ("ann",)), (58.5, ("bob",)), (61, ("ann",))])


def pictures_and_sound(out: Path) -> str:
    digest = hashlib.sha256(watching.sound(out).tobytes())
    for at, luma in watching.frames(out):
        digest.update(f"{at:.4f}".encode() + luma.tobytes())
    return digest.hexdigest()


def _die_at(fraction: float, work: Path, out: Path) -> None:
    def progress(now: float) -> None:
        if now >= fraction:
            os.kill(os.getpid(), signal.SIGKILL)

    compose(story(), Layout.SPEAKER, work, out, progress)


@pytest.mark.timeout(600)
def test_a_killed_worker_costs_a_segment_and_the_film_is_the_same(tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "film.mp4"
    whole = tmp_path / "whole.mp4"
    compose(story(), Layout.SPEAKER, tmp_path / "other", whole, lambda fraction: None)
    context = multiprocessing.get_context("spawn")
    seen = []
    for fraction in (0.04, 0.6, 0.96):
        child = context.Process(target=_die_at, args=(fraction, work, out))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert not out.exists()
        seen.append(len(list(work.glob("speaker-*.mp4"))))
    assert seen == [0, 1, 2]
    begun: list[float] = []
    compose(story(), Layout.SPEAKER, work, out, begun.append)
    assert len(begun) < 10
    assert out.read_bytes() == whole.read_bytes()
    assert pictures_and_sound(out) == pictures_and_sound(whole)


def test_other_layouts_use_the_same_sound_and_other_inputs_do_not(tmp_path: Path) -> None:
    recorded = alone(2.0)
    film(recorded, tmp_path)
    film(recorded, tmp_path, Layout.SINGLE)
    names = sorted(path.name.rsplit("-", 1)[0].partition("-")[0] for path in (tmp_path / "work").iterdir())
    assert names == ["grid", "single", "sound"]
    film(alone(2.5), tmp_path)
    assert len(list((tmp_path / "work").iterdir())) == 5


def test_progress_grows_to_1_and_cancelling_leaves_no_film(tmp_path: Path) -> None:
    said: list[float] = []
    compose(alone(20), Layout.GRID, tmp_path / "work", tmp_path / "film.mp4", said.append)
    assert said == sorted(said)
    assert (said[0], said[-1]) == (0, 1)
    assert len(said) > 40
    out = tmp_path / "cancelled.mp4"
    with pytest.raises(Cancelled):
        compose(alone(21), Layout.GRID, tmp_path / "work", out, said.append, lambda: len(said) > 70)
    assert not out.exists()
    assert not [path for path in (tmp_path / "work").iterdir() if "partial" in path.name]
