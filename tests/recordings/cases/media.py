"""What is sent: codecs, sizes, silence, loss."""

from __future__ import annotations

from collections.abc import Callable

from tertulia.recorder.raw.recording import Codec
from tests.recordings.cases.registry import case, plain
from tests.recordings.content import Encoded
from tests.recordings.sending import Peer, SentTrack
from tests.recordings.stage import Expected, Stage, picture, sound


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
        peer.part.tell(min(begin + 4.1, end), "ended", track=track.written.number)
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
