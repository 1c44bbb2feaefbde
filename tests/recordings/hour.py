"""Whether a film of an hour stays in step: ``python -m tests.recordings.hour [SECONDS]``, which takes some minutes.

One person sends a flash and a beep each second; all of their clocks drift. Prints by how much the flashes of the film
are later than its beeps, in each tenth of it, and how long it lasts. Ends with 1 if it is over the bars.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tertulia.recorder.film.compose import compose
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.raw.recording import read
from tests.recordings.measure import Measured, measure
from tests.recordings.stage import Stage, picture, sound

SKEW: Final = 0.040
DURATION: Final = 0.100
"""The bars, in seconds."""
_PARTS: Final = 10
_KEYFRAME: Final = 10
"""Seconds."""


def record(directory: Path, end: float) -> None:
    """Write the raw files: a sound card 100 ppm fast, a camera 50 ppm slow, an NTP clock 80 ppm fast."""
    stage = Stage(directory, random.Random("hour"))
    stage.part()
    peer = stage.person("Ada", 0.0, end)
    peer.ntp_fast = 80.0
    audio, video = peer.track("microphone", "opus", fast=100.0), peer.track("camera", "VP8", fast=-50.0)
    audio.send(sound(0.0, end, 100.0))
    video.send(picture(0.0, end, keys=tuple(float(second) for second in range(_KEYFRAME, int(end), _KEYFRAME))))
    peer.report_often([audio, video], 0.0, end, 5.0)
    stage.ends(end)
    stage.finish(end)


def film(directory: Path, end: float) -> Measured:
    """Make the film of it, and watch it."""
    began = time.monotonic()
    record(directory / "raw", end)
    _say(f"recorded in {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    compose(read(directory / "raw"), Layout.GRID, directory / "work", directory / "film.mp4", lambda _: None)
    _say(f"made in {time.monotonic() - began:.0f} s: {(directory / 'film.mp4').stat().st_size / 1e6:.1f} MB")
    return measure(directory / "film.mp4")


def is_within(measured: Measured, end: float) -> bool:
    """Print what was measured, and return whether it is within the bars."""
    _say(f"{measured.duration:.3f} s of {end:.0f}; {len(measured.flashes)} flashes, {len(measured.beeps)} beeps")
    skews = measured.skews()
    for part in range(_PARTS):
        begin, until = end * part / _PARTS, end * (part + 1) / _PARTS
        some = [skew * 1000 for at, skew in skews if begin <= at < until]
        _say(f"{begin:6.0f} to {until:.0f} s: picture after sound by {min(some):.0f} to {max(some):.0f} ms")
    is_whole = min(len(measured.flashes), len(measured.beeps), len(skews)) >= int(end) - 1
    is_in_step = all(abs(skew) <= SKEW for _, skew in skews)
    return is_whole and is_in_step and abs(measured.duration - end) <= DURATION


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.recordings.hour", description=__doc__)
    parser.add_argument("seconds", type=int, nargs="?", default=3600)
    seconds = float(parser.parse_args().seconds)
    with tempfile.TemporaryDirectory(prefix="tertulia-hour-") as name:
        return 0 if is_within(film(Path(name), seconds), seconds) else 1


if __name__ == "__main__":
    sys.exit(main())
