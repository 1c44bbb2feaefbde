"""Chromium in a call with GStreamer's webrtcbin, which has certificates of RSA and DTLS 1.2."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import PATIENCE, call, new_room
from tests.clients import stack_call
from tests.clients.signaling import joined

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_webrtcbin_and_chromium_get_each_others_media(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    async with (
        joined(base, room.id, "GStreamer") as member,
        stack_call.in_call(stack_call.GSTREAMER, [member]) as calls,
    ):
        (seen,) = [p for p in call("GET", f"{base}/v1/rooms/{room.id}/participants") if p["displayName"] == "Ana"]
        await calls.until_all_get([seen["userId"]])
        await expect(ana.tile("GStreamer")).to_contain_class("has-picture", timeout=PATIENCE)
    await ana.hears("GStreamer left")
