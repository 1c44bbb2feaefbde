"""The cost of a composite film: ours, and that of Debian's ffmpeg on the same job, each on one core."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tertulia.recorder.film.compose import compose
from tertulia.recorder.film.encode import ENCODERS
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.raw.recording import Codec, Recording, Sample, Span, Track
from tests.integration.recorder import actors

SECONDS = 60
PEOPLE = 4
WIDTH, HEIGHT = 640, 360
BAR = 4.0
"""Times real time."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds and seconds, of a film of ``SECONDS``."""

    cpu: float
    wall: float

    @property
    def speed(self) -> float:
        """Seconds of film a second of one core."""
        return SECONDS / self.cpu


def someone(seed: int) -> Picture:
    """A camera: a still background with noise, and before it a head that moves."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(60, 200, (HEIGHT // 8, WIDTH // 8), np.uint8).repeat(8, 0).repeat(8, 1)
    noise = [rng.normal(0, 2, (HEIGHT, WIDTH)) for _ in range(8)]
    face = 40 * np.sin(np.arange(160) / 9)[:, None] * np.cos(np.arange(120) / 7)[None] + 150
    chroma = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)

    def picture(at: float) -> NDArray[np.uint8]:
        luma = ground + noise[round(at * 30) % len(noise)]
        y, x = (round(100 + 30 * np.sin(at * 1.1 + seed)), round(260 + 60 * np.sin(at * 0.7 + seed)))
        luma[y : y + 160, x : x + 120] = face + 20 * np.sin(at * 6)
        return np.concatenate([luma.clip(16, 235).astype(np.uint8), chroma])

    return picture
