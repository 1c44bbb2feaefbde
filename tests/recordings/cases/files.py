"""Who is there, and what becomes of the files."""

from __future__ import annotations

from tests.recordings.cases.registry import both, case, plain
from tests.recordings.stage import Expected, Stage, picture


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
