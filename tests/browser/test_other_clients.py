"""Chromium in a call with foreign stacks. They know docs/protocol.md only, play a video file and announce nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import call, new_room
from tests.clients import aiortc_call, wrtc_call
from tests.clients.signaling import joined
from tests.clients.video_file import write_video

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("stack", [aiortc_call, wrtc_call], ids=["aiortc", "libwebrtc"])
async def test_a_client_from_elsewhere(come: Come, base: str, tmp_path: Path, stack: object) -> None:
    video = write_video(tmp_path / "test.webm")
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    async with joined(base, room.id, "Other") as member, stack.in_call(member, video) as other:  # type: ignore[attr-defined]
        await expect(ana.tile("Other")).to_contain_class("has-picture")
        await ana.press("p")
        row = ana.page.get_by_role("listitem").filter(has_text="Other")
        await expect(row.get_by_role("img", name="Camera on")).to_be_visible()
        await ana.decodes(1)
        await ana.hears_tones()
        (seen,) = [p for p in call("GET", f"{base}/v1/rooms/{room.id}/participants") if p["displayName"] == "Ana"]
        await asyncio.gather(other.until("video", seen["userId"], 30), other.until("audio", seen["userId"], 50))
        if stack is aiortc_call:
            assert seen["userId"] in other.lit
    await ana.hears("Other left")
