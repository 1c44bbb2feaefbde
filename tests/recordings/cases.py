"""The cases: each builds a recording and says what must come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tertulia.recorder.raw.recording import Codec
from tests.recordings.content import Encoded
from tests.recordings.sending import Peer, SentTrack
from tests.recordings.stage import Build, Expected, Stage, picture, sound

CASES: Final[dict[str, Build]] = {}


def case(build: Build) -> Build:
    CASES[build.__name__] = build
    return build


def both(
    stage: Stage, peer: Peer, end: float, codec: Codec = "VP8", begin: float = 0.0, **video: Any
) -> list[SentTrack]:
    """Sound and picture from ``begin`` to ``end``, without reports."""
    tracks = [peer.track("microphone", "opus"), peer.track("camera", codec)]
    tracks[0].send(sound(begin, end))
    tracks[1].send(picture(begin, end, codec=codec, **video))
    for track in tracks:
        stage.expect(peer, track, (begin, end))
    return tracks


def plain(stage: Stage, codec: Codec = "VP8", **network: Any) -> list[SentTrack]:
    """One person for six seconds, in a part that was begun and ended as it should."""
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0, **network)
    tracks = both(stage, peer, 6.0, codec)
    peer.report_often(tracks, 0.0, 6.0)
    stage.ends(6.0)
    return tracks


@case
def vp8(stage: Stage) -> Expected:
    """Nothing special."""
    plain(stage)
    return stage.finish(6.0)


@case
def vp9(stage: Stage) -> Expected:
    """Nothing special."""
    plain(stage, "VP9")
    return stage.finish(6.0)


@case
def h264(stage: Stage) -> Expected:
    """Nothing special."""
    plain(stage, "H264")
    return stage.finish(6.0)


@case
def av1(stage: Stage) -> Expected:
    """Nothing special."""
    plain(stage, "AV1")
    return stage.finish(6.0)


@case
def mute_60s(stage: Stage) -> Expected:
    """replaceTrack(null) on the microphone: no packets for a minute, and no gap in timestamps or sequence numbers."""
    stage.part()
    peer = stage.person("Ada", 0.0, 70.0)
    audio, video = peer.track("microphone", "opus"), peer.track("camera", "VP8")
    audio.send(sound(0.0, 4.0))
    audio.stalled = 60.0
    audio.send(sound(64.0, 70.0))
    video.send(picture(0.0, 70.0))
    peer.part.tell(4.06, "paused", track=audio.written.number)
    peer.part.tell(63.9, "resumed", track=audio.written.number)
    audio.stalled = 0.0
    peer.report_often([audio], 0.0, 4.0)
    audio.stalled = 60.0
    peer.report_often([audio], 64.0, 70.0)
    peer.report_often([video], 0.0, 70.0)
    stage.ends(70.0)
    stage.expect(peer, audio, (0.0, 4.0), (64.0, 70.0))
    stage.expect(peer, video, (0.0, 70.0))
    return stage.finish(70.0)


@case
def camera_off(stage: Stage) -> Expected:
    """The camera is switched off for three seconds, while pictures go on coming."""
    tracks = plain(stage)
    stage.parts[0].tell(2.0, "paused", track=tracks[1].written.number)
    stage.parts[0].tell(5.0, "resumed", track=tracks[1].written.number)
    stage.expected[1].spans = [(0.0, 2.0), (5.0, 6.0)]
    return stage.finish(6.0)


@case
def talks_while_muted(stage: Stage) -> Expected:
    """A client that goes on sending sound while it says that it is muted."""
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0)
    audio = peer.track("microphone", "opus")
    audio.send(sound(0.0, 2.0))
    audio.send(sound(2.0, 4.0), are_wanted=False)
    audio.send(sound(4.0, 6.0))
    peer.part.tell(2.04, "paused", track=audio.written.number)
    peer.part.tell(4.04, "resumed", track=audio.written.number)
    peer.report_often([audio], 0.0, 6.0)
    stage.ends(6.0)
    stage.expect(peer, audio, (0.0, 2.0), (4.0, 6.0), least=0.99)
    return stage.finish(6.0)


@case
def dtx(stage: Stage) -> Expected:
    """Between the beeps a packet each 400 ms, with true timestamps."""
    stage.part()
    peer = stage.person("Ada", 0.0, 10.0)
    audio, video = peer.track("microphone", "opus"), peer.track("camera", "VP8")
    for number, frame in enumerate(sound(0.0, 10.0)):
        if frame.second % 1 < 0.2 or number % 20 == 0:
            audio.send([frame])
    video.send(picture(0.0, 10.0))
    peer.report_often([audio, video], 0.0, 10.0)
    stage.ends(10.0)
    stage.expect(peer, audio, (0.0, 9.62))
    stage.expect(peer, video, (0.0, 10.0))
    return stage.finish(10.0)


@case
def loss_5_percent(stage: Stage) -> Expected:
    """Packets that never came, with a keyframe each second; what follows a loss cannot be decoded until the next."""
    stage.part()
    peer = stage.person("Ada", 0.0, 10.0, loss=0.05)
    audio, video = peer.track("microphone", "opus"), peer.track("camera", "VP8")
    audio.send(sound(0.0, 10.0))
    video.send(picture(0.0, 10.0, keys=tuple(range(1, 10))))
    peer.report_often([audio, video], 0.0, 10.0)
    stage.ends(10.0)
    stage.expect(peer, audio, (0.0, 10.0), least=0.9)
    stage.expect(peer, video, (0.0, 10.0), least=0.3)
    stage.expected[1].spans = None
    return stage.finish(10.0)


@case
def reordering(stage: Stage) -> Expected:
    """One packet in ten comes up to 120 ms late."""
    plain(stage, reordering=0.1)
    return stage.finish(6.0)


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


def _change(stage: Stage, make: list[Callable[[Peer], tuple[SentTrack, tuple[Encoded, ...]]]]) -> Expected:
    """Cameras one after the other, four seconds each, beside one microphone."""
    end = 4.0 * len(make)
    stage.part()
    peer = stage.person("Ada", 0.0, end)
    audio = peer.track("microphone", "opus")
    audio.send(sound(0.0, end))
    stage.expect(peer, audio, (0.0, end))
    peer.report_often([audio], 0.0, end)
    for number, one in enumerate(make):
        track, frames = one(peer)
        track.send(frames)
        begin = 4.0 * number
        peer.report_often([track], begin, begin + 4.0)
        peer.part.tell(begin + 4.1, "ended", track=track.written.number)
        stage.expect(peer, track, (begin, begin + 4.0))
    stage.ends(end)
    return stage.finish(end)


@case
def ssrc_change(stage: Stage) -> Expected:
    """The camera goes on under another SSRC."""
    return _change(
        stage,
        [
            lambda peer: (peer.track("camera", "VP8"), picture(0.0, 4.0)),
            lambda peer: (peer.track("camera", "VP8"), picture(4.0, 8.0)),
        ],
    )


@case
def layer_switches(stage: Stage) -> Expected:
    """Simulcast: one encoding after the other, each of another size."""
    return _change(
        stage,
        [
            lambda peer: (peer.track("camera", "VP8"), picture(0.0, 4.0)),
            lambda peer: (peer.track("camera", "VP8"), picture(4.0, 8.0, size=(320, 192))),
            lambda peer: (peer.track("camera", "VP8"), picture(8.0, 12.0)),
        ],
    )


@case
def codec_change(stage: Stage) -> Expected:
    """VP8, then H.264."""
    return _change(
        stage,
        [
            lambda peer: (peer.track("camera", "VP8"), picture(0.0, 4.0)),
            lambda peer: (peer.track("camera", "H264"), picture(4.0, 8.0, codec="H264")),
        ],
    )


def _resize(stage: Stage, codec: Codec) -> Expected:
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0)
    track = peer.track("camera", codec)
    track.send(picture(0.0, 3.0, codec=codec))
    track.send(picture(3.0, 6.0, codec=codec, size=(320, 192)))
    peer.report_often([track], 0.0, 6.0)
    stage.ends(6.0)
    stage.expect(peer, track, (0.0, 6.0))
    return stage.finish(6.0)


@case
def resolution_vp8(stage: Stage) -> Expected:
    """Another size within one SSRC."""
    return _resize(stage, "VP8")


@case
def resolution_h264(stage: Stage) -> Expected:
    """Another size, and so other parameter sets, within one SSRC."""
    return _resize(stage, "H264")


@case
def leave_and_rejoin(stage: Stage) -> Expected:
    """Someone is away for three seconds while another stays."""
    stage.part()
    for name, begin, end in (("Ada", 0.0, 4.0), ("Bob", 0.0, 12.0), ("Ada", 7.0, 12.0)):
        peer = stage.person(name, begin, end)
        peer.report_often(both(stage, peer, end, begin=begin), begin, end)
    stage.ends(12.0)
    return stage.finish(12.0)


@case
def late_joiner(stage: Stage) -> Expected:
    """Someone comes after eight seconds."""
    stage.part()
    for name, begin in (("Ada", 0.0), ("Bob", 8.0)):
        peer = stage.person(name, begin, 12.0)
        peer.report_often(both(stage, peer, 12.0, begin=begin), begin, 12.0)
    stage.ends(12.0)
    return stage.finish(12.0)


@case
def no_keyframe(stage: Stage) -> Expected:
    """The camera's only keyframe was lost."""
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0)
    audio, video = peer.track("microphone", "opus"), peer.track("camera", "VP8")
    audio.send(sound(0.0, 6.0))
    video.send(picture(0.0, 6.0)[1:], are_wanted=False)
    peer.report_often([audio, video], 0.0, 6.0)
    stage.ends(6.0)
    stage.expect(peer, audio, (0.0, 6.0))
    stage.expect(peer, video)
    return stage.finish(6.0, has_trouble=True)


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
def two_screens(stage: Stage) -> Expected:
    """Two people show their screens, which hardly change."""
    stage.part()
    for name, begin in (("Ada", 1.0), ("Bob", 2.0)):
        peer = stage.person(name, 0.0, 16.0)
        screen = peer.track("screen", "VP8")
        frames = picture(begin, 14.0, keys=(begin + 6.0,))
        screen.send([*frames[:3], *frames[60:64]])
        peer.part.tell(14.0, "ended", track=screen.written.number)
        peer.report_often([screen], begin, 14.0)
        stage.expect(peer, screen, (begin, 14.0))
    stage.ends(16.0)
    return stage.finish(16.0)


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
def zero_length(stage: Stage) -> Expected:
    """Someone was there and sent nothing, and the file of their microphone is empty."""
    stage.part()
    peer = stage.person("Ada", 0.0, 0.5)
    stage.expect(peer, peer.track("microphone", "opus"))
    stage.ends(0.5)
    expected = stage.finish(0.5)
    next(stage.directory.glob("*/*.mjr")).write_bytes(b"")
    return expected


@case
def cut_files(stage: Stage) -> Expected:
    """The node died: each file ends somewhere."""
    stage.part()
    peer = stage.person("Ada", 0.0, 6.0)
    peer.report_often(both(stage, peer, 6.0), 0.0, 6.0)
    for track in stage.expected:
        track.spans, track.least = [(0.0, 5.5)], 0.9
    stage.people[peer.user] = [(0.0, 5.5)]
    expected = stage.finish(5.5, has_trouble=True)
    for path in sorted(stage.directory.glob("*/*")):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) * 11 // 12 - 3])
    return expected


@case
def two_nodes(stage: Stage) -> Expected:
    """The room moves to another node, and goes on there after a second and a half."""
    stage.part()
    peer = stage.person("Ada", 0.0, 5.0)
    peer.report_often(both(stage, peer, 5.0), 0.0, 5.0)
    stage.ends(5.0, "shutdown")
    stage.part(6.5, "node-2")
    peer = stage.person("Ada", 6.5, 12.0)
    peer.report_often(both(stage, peer, 12.0, begin=6.5), 6.5, 12.0)
    stage.ends(12.0)
    return stage.finish(12.0, has_trouble=True)


@case
def disk_slow(stage: Stage) -> Expected:
    """Packets were left out for want of disk."""
    tracks = plain(stage)
    del tracks[0].written.packets[100:150]
    stage.parts[0].tell(3.0, "gap", track=tracks[0].written.number, lost=50)
    stage.expected[0].least = 0.8
    stage.expected[0].spans = [(0.0, 2.0), (3.0, 6.0)]
    return stage.finish(6.0, has_trouble=True)


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
