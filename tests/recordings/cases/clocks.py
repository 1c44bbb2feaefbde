"""When it was captured: drifting and jumping clocks, late and missing reports, slow networks."""

from __future__ import annotations

from tests.recordings.cases.registry import both, case, plain
from tests.recordings.content import Encoded
from tests.recordings.stage import Expected, Stage, picture, sound


@case
def wrap(stage: Stage) -> Expected:
    """Timestamps and sequence numbers pass their ends."""
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0)
    audio = peer.track("microphone", "opus", sequence=65_500, timestamp=(1 << 32) - 96_000)
    video = peer.track("camera", "VP8", sequence=65_530, timestamp=(1 << 32) - 90_000)
    audio.send(sound(0.0, 6.0))
    video.send(picture(0.0, 6.0))
    peer.report_often([audio, video], 0.0, 6.0)
    stage.ends(6.0)
    stage.expect(peer, audio, (0.0, 6.0))
    stage.expect(peer, video, (0.0, 6.0))
    return stage.finish(6.0)


def _stall(stage: Stage, *, has_reports: bool) -> Expected:
    stage.part()
    peer = stage.person("Ada", 0.0, 15.0)
    audio, video = peer.track("microphone", "opus"), peer.track("camera", "VP8")
    for track, frames in ((audio, sound), (video, picture)):
        track.send(frames(0.0, 4.0))
        if has_reports:
            peer.report_often([track], 0.0, 4.0)
        track.stalled = 5.0
        track.send(frames(9.0, 15.0))
        if has_reports:
            peer.report_often([track], 9.0, 15.0)
        stage.expect(peer, track, (0.0, 4.0), (9.0, 15.0))
    stage.ends(15.0)
    return stage.finish(15.0, is_exact=has_reports)


@case
def capture_stall(stage: Stage) -> Expected:
    """The sender's machine stands still for five seconds: a hole in time, none in timestamps."""
    return _stall(stage, has_reports=True)


@case
def capture_stall_without_reports(stage: Stage) -> Expected:
    """The same, and only arrival tells it."""
    return _stall(stage, has_reports=False)


@case
def reports_missing(stage: Stage) -> Expected:
    """Not one sender report."""
    stage.part()
    both(stage, stage.person("Ada", 0.0, 8.0), 8.0)
    stage.ends(8.0)
    return stage.finish(8.0, is_exact=False)


@case
def reports_late(stage: Stage) -> Expected:
    """Every third report comes three seconds late."""
    stage.part()
    peer = stage.person("Ada", 0.0, 12.0)
    for track in both(stage, peer, 12.0):
        for second in range(9):
            peer.report(track, second + 0.4, late=3.0 if second % 3 == 1 else 0.0)
    stage.ends(12.0)
    return stage.finish(12.0)


@case
def reports_jump(stage: Stage) -> Expected:
    """The sender's clock is set back by five seconds, and two reports are plain wrong."""
    stage.part()
    peer = stage.person("Ada", 0.0, 20.0)
    peer.ntp_step = lambda second: -5.0 if second > 10.0 else 0.0
    tracks = both(stage, peer, 20.0)
    peer.report_often(tracks, 0.0, 20.0)
    peer.report(tracks[1], 4.0, wrong=-30.0)
    peer.report(tracks[0], 15.0, wrong=1.7)
    stage.ends(20.0)
    return stage.finish(20.0)


@case
def hole_in_the_network(stage: Stage) -> Expected:
    """For two seconds nothing comes, then all of it at once."""
    plain(stage, delay=lambda second: 0.02 + (4.0 - second if 2.0 < second < 4.0 else 0.0))
    return stage.finish(6.0)


@case
def full_buffers(stage: Stage) -> Expected:
    """For ten seconds the network delays everything by 400 ms more."""
    stage.part()
    peer = stage.person(
        "Ada", 0.0, 24.0, delay=lambda second: 0.02 + max(0.0, 0.4 - 0.2 * max(0.0, abs(second - 12.0) - 5.0))
    )
    peer.report_often(both(stage, peer, 24.0), 0.0, 24.0)
    stage.ends(24.0)
    return stage.finish(24.0)


@case
def drift_100_ppm(stage: Stage) -> Expected:
    """A sound card 100 ppm fast and an NTP clock 50 ppm slow."""
    stage.part()
    peer = stage.person("Ada", 0.0, 30.0)
    peer.ntp_fast = -50.0
    audio, video = peer.track("microphone", "opus", fast=100.0), peer.track("camera", "VP8", fast=-50.0)
    audio.send(sound(0.0, 30.0, 100.0))
    video.send(picture(0.0, 30.0))
    peer.report_often([audio, video], 0.0, 30.0)
    stage.ends(30.0)
    stage.expect(peer, audio, (0.0, 30.0))
    stage.expect(peer, video, (0.0, 30.0))
    return stage.finish(30.0)


@case
def eight_hours(stage: Stage) -> Expected:
    """Simulated, and sparse: content that no decoder is given. All clocks drift; numbers wrap many times."""
    end = 8 * 3600.0
    stage.part()
    peer = stage.person("Ada", 0.0, end)
    peer.ntp_fast = 80.0
    audio, video = peer.track("microphone", "opus", fast=100.0), peer.track("camera", "VP8", fast=-70.0)
    audio.send(Encoded(i * 0.4, b"\xf8" + i.to_bytes(8), is_keyframe=True) for i in range(round(end / 0.4)))
    video.send(Encoded(i * 1.0, b"\x10" + i.to_bytes(8), is_keyframe=True) for i in range(round(end)))
    peer.report_often([audio, video], 0.0, end, 5.0)
    stage.ends(end)
    stage.expect(peer, audio, (0.0, end - 0.38))
    stage.expect(peer, video, (0.0, end - 0.8))
    return stage.finish(end)
