"""What can be seen and heard in a film of flashes and beeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av import AudioFrame
from av.container import InputContainer

RATE = 48_000
STEP = 240
"""Samples of sound that are looked at as one."""


class Film(NamedTuple):
    """Times are in seconds since the film begins."""

    duration: float
    flashes: list[float]
    beeps: list[float]

    def skews(self) -> list[float]:
        """By how much each flash is after the beep next to it."""
        return [min((flash - beep for beep in self.beeps), key=abs) for flash in self.flashes]


def watch(path: Path) -> Film:
    """Decode all of it; raises what FFmpeg finds wrong."""
    with av.open(str(path), options={"err_detect": "explode"}) as file:
        assert file.duration is not None
        duration = file.duration / 1e6
        pictures = file.decode(video=0)
        light = [(picture.time or 0.0, float(picture.to_ndarray(format="gray").mean())) for picture in pictures]
    with av.open(str(path)) as file:
        return Film(duration, rises(light), rises(list(_sounds(file))))


def _sounds(file: InputContainer) -> Iterator[tuple[float, float]]:
    for sound in file.decode(audio=0):
        yield from loudness(sound.time or 0.0, sound)


def loudness(at: float, sound: AudioFrame) -> Iterator[tuple[float, float]]:
    """Of each 5 ms, and when; it begins ``at``."""
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
    for mono in resampler.resample(sound):
        wave = mono.to_ndarray()[0]
        for i in range(0, len(wave) - STEP + 1, STEP):
            yield at + i / RATE, float(np.sqrt(np.mean(wave[i : i + STEP] ** 2)))


def rises(values: list[tuple[float, float]]) -> list[float]:
    """When it goes from below the middle to above."""
    low, high = min(value for _, value in values), max(value for _, value in values)
    middle = (low + high) / 2
    found = []
    was = True
    for at, value in values:
        if value > middle and not was:
            found.append(at)
        was = value > middle
    return found
