"""Reads the flashes, beeps and counters of the corpus' content from any film.

``python -m tests.recordings.measure FILE`` says what it found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.recordings.content import BITS, PITCH

Region = tuple[float, float, float, float]
"""Left, top, right and bottom of where the content is in the picture, from 0 to 1."""
WHOLE: Region = (0.0, 0.0, 1.0, 1.0)
_RATE = 48_000
_WINDOW = 240
_BRIGHT, _DARK = 180.0, 150.0
_LOUD, _QUIET = 0.05, 0.02
_PAIR = 0.5


@dataclass
class Measured:
    """What was found; times are seconds of the file."""

    duration: float = 0.0
    flashes: list[float] = field(default_factory=list)
    beeps: list[float] = field(default_factory=list)
    counters: list[tuple[float, int]] = field(default_factory=list)
    """The number in each picture, and when it is shown."""

    def skews(self) -> list[tuple[float, float]]:
        """For each flash that has a beep: when, and by how many seconds the picture is later than the sound."""
        beeps = np.array(self.beeps)
        if not len(beeps):
            return []
        found = ((flash, float(flash - beeps[np.abs(beeps - flash).argmin()])) for flash in self.flashes)
        return [(flash, skew) for flash, skew in found if abs(skew) < _PAIR]


def measure(path: Path, region: Region = WHOLE) -> Measured:
    """Read a film. Decoding errors are raised."""
    measured = Measured()
    with av.open(path) as film:
        if film.streams.video:
            _watch(film.decode(video=0), region, measured)
    with av.open(path) as film:
        if film.streams.audio:
            _listen(_samples(film), measured)
    with av.open(path) as film:
        measured.duration = (film.duration or 0) / av.time_base
    return measured


def read_counter(picture: NDArray[np.uint8]) -> int:
    """The number that the bars of a grey picture say."""
    height, width = picture.shape
    band = picture[height * 3 // 4 : height * 15 // 16]
    centres = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    return int("".join("1" if band[:, centre - 1 : centre + 2].mean() > 125 else "0" for centre in centres), 2)


def _watch(frames: Iterator[av.VideoFrame], region: Region, measured: Measured) -> None:
    is_bright = False
    for frame in frames:
        grey = frame.to_ndarray(format="gray").astype(np.uint8, copy=False)
        height, width = grey.shape
        left, top, right, bottom = region
        picture = grey[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
        brightness = float(picture[: picture.shape[0] // 2].mean())
        at = float(frame.time or 0.0)
        if not is_bright and brightness > _BRIGHT:
            measured.flashes.append(at)
        is_bright = brightness > (_DARK if is_bright else _BRIGHT)
        measured.counters.append((at, read_counter(picture)))


def _samples(film: av.container.InputContainer) -> Iterator[tuple[float, NDArray[np.float32]]]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=_RATE)
    for frame in film.decode(audio=0):
        at = float(frame.time or 0.0)
        for resampled in resampler.resample(frame):
            sound = resampled.to_ndarray().reshape(-1).astype(np.float32, copy=False)
            yield at, sound
            at += len(sound) / _RATE


def _listen(sounds: Iterator[tuple[float, NDArray[np.float32]]], measured: Measured) -> None:
    wave = np.exp(-2j * np.pi * PITCH * np.arange(_WINDOW) / _RATE)
    is_loud, rest, begin = False, np.zeros(0, dtype=np.float32), 0.0
    for at, sound in sounds:
        if abs(begin + len(rest) / _RATE - at) > 0.5 / _RATE * _WINDOW:
            rest, begin = rest[:0], at
        rest = np.concatenate([rest, sound])
        count = len(rest) // _WINDOW
        levels = np.abs(rest[: count * _WINDOW].reshape(count, _WINDOW) @ wave) * 2 / _WINDOW
        for number, level in enumerate(levels):
            if not is_loud and level > _LOUD:
                measured.beeps.append(begin + number * _WINDOW / _RATE)
            is_loud = bool(level > (_QUIET if is_loud else _LOUD))
        rest, begin = rest[count * _WINDOW :], begin + count * _WINDOW / _RATE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.recordings.measure", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--region", type=float, nargs=4, default=WHOLE, metavar=("LEFT", "TOP", "RIGHT", "BOTTOM"))
    arguments = parser.parse_args()
    measured = measure(arguments.file, tuple(arguments.region))
    skews = [skew for _, skew in measured.skews()]
    sys.stdout.write(
        f"{measured.duration:.3f} s, {len(measured.flashes)} flashes, {len(measured.beeps)} beeps, "
        f"{len(measured.counters)} pictures, picture after sound by "
        f"{min(skews, default=0) * 1000:.0f} to {max(skews, default=0) * 1000:.0f} ms\n"
    )


if __name__ == "__main__":
    main()
