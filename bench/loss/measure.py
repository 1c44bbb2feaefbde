"""Two people in Chromium who see and hear each other through the SFU, one of them behind a line that loses packets."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.async_api import async_playwright

from tests.browser import narrow
from tests.browser.line import Way
from tests.browser.person import Person

SHARES: Final = (0.0, 0.05, 0.15, 0.30)
ROUND_TRIP: Final = 0.04
"""Seconds."""
SETTLE: Final = 8.0
"""Seconds until the estimators have got used to it."""


@dataclass
class Result:
    """What one page saw and heard of the other person."""

    direction: str
    loss: float
    lost: float
    """The share of video packets that the page missed at first."""
    recovered: float
    """The share of those that came as retransmissions."""
    freezes: int
    frozen: float
    """The share of the time."""
    frames: float
    """A second."""
    keyframe_requests: int
    concealed: float
    """The share of the sound that was made up."""


async def measure(seconds: float) -> AsyncIterator[Result]:
    """Both directions at each share of losses, for so long."""
    with tempfile.TemporaryDirectory() as directory:
        async with async_playwright() as playwright, narrow.meeting(Path(directory), playwright, 1, sends=True) as call:
            for loss in SHARES:
                for direction in ("down", "up"):
                    lossy, whole = Way(delay=ROUND_TRIP / 2, loss=loss), Way(delay=ROUND_TRIP / 2)
                    is_down = direction == "down"
                    call.line.set(*((lossy, whole) if is_down else (whole, lossy)))
                    await asyncio.sleep(SETTLE)
                    yield await _result(call.far if is_down else call.near[0], direction, loss, seconds)


async def _result(viewer: Person, direction: str, loss: float, seconds: float) -> Result:
    await narrow.watch(viewer)
    await asyncio.sleep(seconds)
    (picture,), (voice,) = [await narrow.seen(viewer, kind) for kind in ("video", "audio")]
    repaired = picture.grown("retransmittedPacketsReceived")
    # What comes as a retransmission still counts as lost.
    missed = picture.grown("packetsLost")
    sent = picture.grown("packetsReceived") - repaired + missed
    return Result(
        direction,
        loss,
        lost=missed / sent if sent else 0.0,
        recovered=min(1.0, repaired / missed) if missed > 0 else 1.0,
        freezes=int(picture.grown("freezeCount")),
        frozen=picture.grown("totalFreezesDuration") / seconds,
        frames=picture.grown("framesDecoded") / seconds,
        keyframe_requests=int(picture.grown("pliCount")),
        concealed=voice.concealed(),
    )
