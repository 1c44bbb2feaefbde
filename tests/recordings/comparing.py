"""Whether what a recorder has read is what the corpus says."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator

from tertulia.recorder.raw.recording import Recording, Sample, Span, Track
from tests.recordings.sending import SentTrack
from tests.recordings.stage import Expected, ExpectedTrack, Spans

DELAY = 0.02
"""Seconds that the corpus' network takes at least: everything is later by so much."""
_NEAR = 0.1
_SKEW_EXACT, _SKEW = 0.006, 0.04
_TAIL = 40


def differences(expected: Expected, recording: Recording) -> Iterator[str]:
    """What is otherwise than it should be, in words."""
    if abs(recording.duration - expected.duration) > _NEAR:
        yield f"It lasts {recording.duration} s, not {expected.duration}"
    if bool(recording.trouble) != expected.has_trouble:
        yield f"Its trouble is {recording.trouble}"
    people = {person.user_id: person.spans for person in recording.people}
    for user, spans in expected.people.items():
        if not _are_near(people.get(user, ()), spans):
            yield f"{user} was there {people.get(user)}, not {spans}"
    tracks = {track.id: track for track in recording.tracks}
    lags: dict[str, list[float]] = defaultdict(list)
    for track in expected.tracks:
        if track.id in tracks:
            yield from _compare(track, tracks[track.id], lags)
        else:
            yield f"There is no track {track.id}"
    for user, some in ((user, some) for user, some in lags.items() if some):
        if max(some) - min(some) > (_SKEW_EXACT if expected.is_exact else _SKEW):
            yield f"{user}'s samples are between {min(some)} and {max(some)} s late"
        if expected.is_exact and not -0.002 < min(some) - DELAY < 0.01:
            yield f"{user}'s samples are {min(some)} s late"


def lags_of(sent: SentTrack, samples: list[Sample]) -> list[float]:
    """By how much later each sample is placed than it was captured; nothing for those that nobody sent."""
    seconds = defaultdict(list)
    for frame in sent.frames:
        seconds[frame.data[-_TAIL:]].append(frame.second)
    return [
        sample.at - min(seconds[key], key=lambda second: abs(second - sample.at))
        for sample in samples
        if (key := sample.data[-_TAIL:]) in seconds
    ]


def _compare(expected: ExpectedTrack, track: Track, lags: dict[str, list[float]]) -> Iterator[str]:
    samples = list(track.samples())
    found = lags_of(expected.sent, samples)
    lags[expected.user] += found
    name = f"{expected.user}'s {expected.sent.written.source}"
    if len(found) != len(samples):
        yield f"{len(samples) - len(found)} samples of {name} were never sent"
    whole = sum(not frame.has_lost for frame in expected.sent.frames)
    if not expected.least * len(expected.sent.frames) <= len(samples) <= whole:
        yield f"{len(samples)} samples of {name} of {len(expected.sent.frames)} sent, of which {whole} came whole"
    if expected.spans is not None and not _are_near(track.spans, expected.spans):
        yield f"{name} has media {track.spans}, not {expected.spans}"
    if any(later.at < sample.at for sample, later in itertools.pairwise(samples)):
        yield f"{name} goes back in time"


def _are_near(spans: tuple[Span, ...], wanted: Spans) -> bool:
    return len(spans) == len(wanted) and all(
        abs(span.begin - begin) < _NEAR and abs(span.end - end) < _NEAR
        for span, (begin, end) in zip(spans, wanted, strict=True)
    )
