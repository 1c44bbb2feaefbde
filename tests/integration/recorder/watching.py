"""What a viewer gets of a film: frames, sound and times, as PyAV or Debian's ffmpeg play it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

from tertulia.recorder.film.planes import of_frame
from tests.integration.recorder.actors import BEEP_HZ


def complaints(film: Path) -> str:
    """What Debian's ffmpeg has to say when it plays all of it: nothing, of a good film."""
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(film), "-f", "null", "-"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stderr or ("" if done.returncode == 0 else f"status {done.returncode}")


def probed(film: Path) -> dict[str, Any]:
    """What ffprobe says of it: ``format`` and ``streams``, the picture first."""
    argv = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(film)]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
    return cast("dict[str, Any]", json.loads(done.stdout))


def frames(film: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Each frame's time and luma."""
    with av.open(film) as container:
        for frame in container.decode(video=0):
            yield frame.time, of_frame(frame).y.copy()


def frame_at(film: Path, at: float) -> NDArray[np.uint8]:
    """The luma that a player shows at this time after it has sought there."""
    with av.open(film) as container:
        container.seek(round(at * av.time_base))
        shown = None
        for frame in container.decode(video=0):
            if frame.time > at and shown is not None:
                break
            shown = of_frame(frame).y.copy()
    assert shown is not None
    return shown


def flashes(film: Path, x: int, y: int, level: int = 180) -> list[float]:
    """When the picture becomes bright there."""
    times, was_bright = [], False
    for at, luma in frames(film):
        is_bright = bool(luma[y, x] > level)
        if is_bright and not was_bright:
            times.append(at)
        was_bright = is_bright
    return times


def sound(film: Path) -> NDArray[np.float32]:
    """All of it, mono, from time 0 of the film on, as ffmpeg plays it (without what the edit list skips)."""
    argv = ["ffmpeg", "-v", "error", "-i", str(film), "-map", "0:a", "-ac", "1", "-ar", "48000", "-f", "f32le", "-"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    return np.frombuffer(done.stdout, np.float32)


def beeps(film: Path, level: float = 0.05) -> list[float]:
    """When the tone of the beeps begins."""
    samples = sound(film)
    at = np.arange(len(samples)) / 48_000
    turned = samples * np.exp(-2j * np.pi * BEEP_HZ * at)
    window = 96  # two periods
    strength = np.abs(np.convolve(turned, np.ones(window) / window, "full")[: len(samples)])
    loud = strength > level
    starts = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    times: list[float] = []
    for start in starts / 48_000:
        if not times or start - times[-1] > 0.3:
            times.append(float(start))
    return times
