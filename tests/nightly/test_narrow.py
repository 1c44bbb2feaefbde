"""A line that becomes narrow and wide again, in Chromium: nobody's voice is interrupted, and pictures come back soon.

As root: the browser behind the line is in a network namespace.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import async_playwright

from tests.browser import narrow
from tests.browser.line import Way
from tests.browser.narrow import Meeting, Watched
from tests.browser.person import Person

WIDE: Final = Way(rate=3e6)
TIGHT: Final = Way(rate=3e5)

GAP: Final = 0.1
FALL_GAP: Final = 0.3
"""What is under way when the line falls is in front of the voices: of eight times what the line takes by then, packets
of 20 ms come each 160 ms, until the first report says so."""
SETTLED: Final = 2.0
"""Seconds after the fall in which that is heard."""
BACK: Final = 3.0
REVERSALS: Final = 2

COURSES: Final = 3
"""The machine may stall by itself, but not each time."""


@dataclass
class Course:
    """What one page saw and heard while the line was wide, tight and wide again."""

    voices: list[Watched]
    pictures: list[Watched]
    begin: float
    fall: float
    rise: float
    end: float

    def is_calm(self) -> bool:
        """The machine let the page have its sound before the line changed."""
        return all(voice.since(self.begin, self.fall).concealed() < 0.01 for voice in self.voices)

    def figures(self) -> dict[str, tuple[float, float]]:
        """Each figure with its bar."""
        settled = self.fall + SETTLED
        back = max(_back(picture.since(self.rise, self.end)) for picture in self.pictures)
        sizes = _sizes([picture.since(self.begin, self.end) for picture in self.pictures])
        return {
            "gap at the fall": (self._gap(self.fall, settled), FALL_GAP),
            "gap while narrow": (self._gap(settled, self.rise), GAP),
            "gap when wide again": (self._gap(self.rise, self.end), GAP),
            "back": (back, BACK),
            f"reversals of {sizes}": (_reversals(sizes), REVERSALS),
        }

    def _gap(self, begin: float, end: float) -> float:
        return max(voice.since(begin, end).longest_gap() for voice in self.voices)


def _back(picture: Watched) -> float:
    """Seconds until a second has ten frames."""
    times = [row["at"] / 1000 for row in picture.rows]
    frames = [row.get("framesDecoded", 0) for row in picture.rows]
    for at, (now, count) in enumerate(zip(times, frames, strict=True)):
        later = next((n for n in range(at, len(times)) if times[n] >= now + 1), None)
        if later is not None and frames[later] - count >= 10:
            return float(now - times[0])
    return float("inf")


def _sizes(pictures: list[Watched]) -> list[int]:
    """The size of all pictures together, each second."""
    seconds = range(int(pictures[0].rows[0]["at"] / 1000), int(pictures[0].rows[-1]["at"] / 1000))
    return [sum(_level(picture.since(second, second + 1)) for picture in pictures) for second in seconds]


def _reversals(sizes: list[int]) -> int:
    """How often they grew after they shrank, or shrank after they grew."""
    grows = [after > before for before, after in itertools.pairwise(sizes) if after != before]
    return sum(before != after for before, after in itertools.pairwise(grows))


def _level(picture: Watched) -> int:
    """0: nothing is seen. Else the height of the picture in units of 90 lines."""
    return picture.rows[-1].get("frameHeight", 0) // 90 if picture.grown("framesDecoded") > 0 else 0


async def _course(meeting: Meeting, viewer: Person, tight: float) -> Course:
    meeting.line.set(WIDE, WIDE)
    await asyncio.sleep(10)
    await narrow.watch(viewer)
    begin = time.time()
    await asyncio.sleep(4)
    fall = time.time()
    meeting.line.set(TIGHT, TIGHT)
    await asyncio.sleep(tight)
    rise = time.time()
    meeting.line.set(WIDE, WIDE)
    await asyncio.sleep(9)
    end = time.time()  # reading what the page has seen keeps it from looking
    voices, pictures = [await narrow.seen(viewer, kind) for kind in ("audio", "video")]
    return Course(voices, pictures, begin, fall, rise, end)


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are made by root")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_down", [True, False], ids=["down", "up"])
async def test_voices_go_on_and_pictures_come_back(tmp_path: Path, is_down: bool) -> None:
    """Down: three people are seen behind the line. Up: one behind the line is seen."""
    for number in range(COURSES):
        directory = tmp_path / str(number)
        directory.mkdir()
        near = 3 if is_down else 1
        async with (
            async_playwright() as playwright,
            narrow.meeting(directory, playwright, near, sends=not is_down) as meeting,
        ):
            course = await _course(meeting, meeting.far if is_down else meeting.near[0], 12)
            assert len(course.voices) == len(course.pictures) == near
            assert {person.name: person.trouble for person in meeting.people if person.trouble} == {}
        missed = {name: figure for name, (figure, bar) in course.figures().items() if figure > bar}
        if course.is_calm():
            assert not missed
            return
    pytest.fail(f"the machine was too busy in all of {COURSES} courses")
