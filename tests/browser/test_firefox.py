"""Firefox in a meeting with Chromium, through the page."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.browser.conftest import Come
from tests.browser.firefox import firefox
from tests.browser.person import new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAYS = """[...document.querySelectorAll(".tile")].filter((tile) => {
  const video = tile.querySelector("video");
  return tile.getAttribute("aria-label") === %s && video?.videoWidth > 0 && video.currentTime > 1;
}).length"""


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_firefox_and_chromium_see_and_hear_each_other(
    come: Come, base: str, topology: str, tmp_path: Path, pictures: Path
) -> None:
    room = new_room(base, topology=topology)
    ana = await come("Ana")
    await ana.join(room.host_link)
    async with firefox(tmp_path) as page:
        await page.join(room.link, "Ben")
        await asyncio.gather(
            page.until(PLAYS % json.dumps("Ana")), page.until(PLAYS % json.dumps("Ben (you)")), ana.decodes(1)
        )
        await page.picture(pictures / f"firefox-{topology}.png")
        await ana.press("c")
        await ana.page.get_by_label("Message", exact=True).fill("hello")
        await ana.press("Enter")
        await page.press("Open chat")
        await page.says("hello", ".messages")
