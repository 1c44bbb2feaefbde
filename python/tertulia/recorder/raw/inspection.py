"""Whether a video track can go into a file as it is."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tertulia.recorder.raw.formats.h264 import sequence_parameter_sets
from tertulia.recorder.raw.recording import Sample, Track


class Findings(Struct, frozen=True):
    """What a file of this track cannot say."""

    is_turned: bool
    changes_parameter_sets: bool
    needs_hidden: bool
    """What is to be shown refers to pictures that are not."""

    @property
    def is_to_be_encoded(self) -> bool:
        """Whether it has to be encoded anew."""
        return self.is_turned or self.changes_parameter_sets or self.needs_hidden


def inspect(track: Track) -> Findings:
    """Read a track for that."""
    is_turned = needs_hidden = was_hidden = False
    parameter_sets: set[bytes] = set()
    for sample in track.samples():
        is_turned |= bool(sample.rotation) and not sample.is_hidden
        needs_hidden |= was_hidden and not sample.is_hidden and not sample.is_keyframe
        was_hidden = sample.is_hidden
        if track.codec == "H264" and sample.is_keyframe and len(parameter_sets) < 2:
            parameter_sets.update(sequence_parameter_sets(sample.data))
    return Findings(is_turned, len(parameter_sets) > 1, needs_hidden)


def visible(track: Track) -> Iterator[tuple[Sample, float]]:
    """The pictures to be shown, each with how long it stands: to the next one, the last to the end of the track."""
    last: Sample | None = None
    for sample in track.samples():
        if sample.is_hidden:
            continue
        if last is not None:
            yield last, sample.at - last.at
        last = sample
    if last is not None:
        yield last, max(0.0, (track.spans[-1].end if track.spans else 0.0) - last.at)
