"""The sound of the film: every audio track in its place on the timeline, mixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
from av import CodecContext, Packet
from av.error import FFmpegError
from numpy.typing import NDArray

from tertulia.recorder.film.format import SAMPLE_RATE
from tertulia.recorder.raw.recording import Track

Pcm = NDArray[np.float32]
"""Shape (2, samples), from -1 to 1."""

TOLERANCE = SAMPLE_RATE // 100
"""A packet that is less than 10 ms from the end of the one before follows it; else there is a gap or an overlap."""
LARGEST_STRETCH = 0.005
"""What lies within the tolerance is made up for by so much of the speed: nobody hears half a percent."""
SMALLEST_ERROR = SAMPLE_RATE // 1000
"""Below one millisecond nothing is corrected, so that an exact track is not touched."""
FADE = SAMPLE_RATE // 400
"""2.5 ms, the length of the fades at the ends of a gap: as short as they can be without a click."""
LOUD = 0.8
"""Above it the mix is bent, so that it never reaches 1: one voice passes unchanged, five at once do not crackle."""


class Piece(NamedTuple):
    """Decoded sound, and the sample of the timeline at which it begins."""

    begin: int
    pcm: Pcm

    @property
    def end(self) -> int:
        """The sample after the last."""
        return self.begin + int(self.pcm.shape[1])


def mixed(tracks: Sequence[Track], samples: int, chunk: int = SAMPLE_RATE) -> Iterator[Pcm]:
    """The sum of all audio tracks: ``samples`` from 0 on, so many at a time."""
    waiting = sorted(
        (track for track in tracks if track.kind == "audio" and track.spans),
        key=lambda track: track.spans[0].begin,
        reverse=True,
    )
    voices: list[_Voice] = []
    for begin in range(0, samples, chunk):
        mix = np.zeros((2, min(chunk, samples - begin)), np.float32)
        # No track's file is open before the track begins, nor after it has ended.
        while waiting and waiting[-1].spans[0].begin * SAMPLE_RATE < begin + 2 * chunk:
            voices.append(_Voice(laid(decoded(waiting.pop()))))
        voices = [voice for voice in voices if voice.add_to(mix, begin)]
        yield limited(mix)


def decoded(track: Track) -> Iterator[Piece]:
    """The track's packets, each where it says it belongs. What cannot be decoded is left out."""
    decoder = CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = SAMPLE_RATE, "stereo"
    for sample in track.samples():
        try:
            frames = decoder.decode(Packet(sample.data))
        except FFmpegError:
            continue
        begin = round(sample.at * SAMPLE_RATE)
        for frame in frames:
            piece = Piece(begin, cast("Pcm", frame.to_ndarray()))
            begin = piece.end
            yield piece


def laid(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces one after another without overlaps: drift made up for, the ends of gaps faded."""
    held: Piece | None = None
    for piece in pieces:
        if held is None:
            held = Piece(piece.begin, faded_in(piece.pcm))
            continue
        off = piece.begin - held.end
        if off < -TOLERANCE:
            continue  # two packets for one moment: the first one stands
        if off <= TOLERANCE:
            yield held
            held = Piece(held.end, stretched(piece.pcm, off))
        else:
            yield Piece(held.begin, faded_out(held.pcm))
            held = Piece(piece.begin, faded_in(piece.pcm))
    if held is not None:
        yield Piece(held.begin, faded_out(held.pcm))


def stretched(pcm: Pcm, off: int) -> Pcm:
    """Longer by up to ``off`` samples (shorter, if negative), within ``LARGEST_STRETCH``."""
    if abs(off) < SMALLEST_ERROR:
        return pcm
    length = pcm.shape[1]
    most = int(length * LARGEST_STRETCH)
    wanted = length + max(-most, min(most, off))
    if wanted == length:
        return pcm
    at = np.linspace(0, length - 1, wanted)
    return np.stack([np.interp(at, np.arange(length), channel) for channel in pcm]).astype(np.float32)


def faded_in(pcm: Pcm) -> Pcm:
    """The same, from silence."""
    pcm = pcm.copy()
    length = min(FADE, pcm.shape[1])
    pcm[:, :length] *= np.linspace(0, 1, length, dtype=np.float32)
    return pcm


def faded_out(pcm: Pcm) -> Pcm:
    """The same, into silence."""
    return faded_in(pcm[:, ::-1])[:, ::-1]


def limited(mix: Pcm) -> Pcm:
    """Below ``LOUD`` unchanged; above it bent smoothly, never reaching 1."""
    if np.abs(mix).max(initial=0) <= LOUD:
        return mix
    room = 1 - LOUD
    over = np.maximum(np.abs(mix) - LOUD, 0)
    bent = np.minimum(np.abs(mix), LOUD) + room * np.tanh(over / room)
    return np.copysign(bent, mix).astype(np.float32)


class _Voice:
    """One track in the mix. It holds the piece that goes on in the next chunk only."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self._pieces = pieces
        self._piece = next(pieces, None)

    def add_to(self, mix: Pcm, begin: int) -> bool:
        """Add what belongs into a chunk that begins there; return whether there may be more."""
        end = begin + mix.shape[1]
        while (piece := self._piece) is not None and piece.begin < end:
            first, last = max(piece.begin, begin), min(piece.end, end)
            if first < last:
                mix[:, first - begin : last - begin] += piece.pcm[:, first - piece.begin : last - piece.begin]
            if piece.end > end:
                break
            self._piece = next(self._pieces, None)
        return self._piece is not None
