"""Losses between Chromium and the SFU: a voice stays whole by redundant audio (RFC 2198)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import async_playwright

from tests.browser import narrow
from tests.browser.line import Way


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are made by root")
@pytest.mark.parametrize(("direction", "concealed"), [("down", 0.08), ("up", 0.15)])
async def test_a_voice_is_whole_where_a_third_is_lost(
    tmp_path: Path, direction: Literal["down", "up"], concealed: float
) -> None:
    """The SFU repeats two packets in each, Chromium one. Without, a fifth and more are made up."""
    async with async_playwright() as playwright, narrow.meeting(tmp_path, playwright, 1, sends=False) as meeting:
        lossy, whole = Way(loss=0.3), Way()
        meeting.line.set(*((lossy, whole) if direction == "down" else (whole, lossy)))
        await asyncio.sleep(8)
        hearer = meeting.far if direction == "down" else meeting.near[0]
        await narrow.watch(hearer)
        await asyncio.sleep(15)
        (voice,) = await narrow.seen(hearer, "audio")
        assert voice.concealed() < concealed
