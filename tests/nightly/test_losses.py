"""Losses on the way to Chromium: a voice stays whole by redundant audio (RFC 2198)."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.browser import narrow
from tests.browser.line import Way


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces are made by root")
async def test_a_voice_is_whole_where_a_third_is_lost(tmp_path: Path) -> None:
    async with async_playwright() as playwright, narrow.meeting(tmp_path, playwright, 1, sends=False) as meeting:
        meeting.line.set(down=Way(loss=0.3), up=Way())
        await asyncio.sleep(8)
        await narrow.watch(meeting.far)
        await asyncio.sleep(15)
        (voice,) = await narrow.seen(meeting.far, "audio")
        # Without it, a fifth and more are made up.
        assert voice.concealed() < 0.08
