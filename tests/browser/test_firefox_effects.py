"""Backgrounds in Firefox, which draws them on a canvas, as Chromium sees them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.filmed import DEVICES, IS_TOO_SLOW, PACE, picture
from tests.browser.firefox import Page, control, firefox
from tests.browser.person import new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PLAIN = "f.mean[0] > 60 && b.mean[0] > 170 && b.spread < 25"
"""The wash behind a face."""
_NO_FRAMES = {"privacy.resistFingerprinting": True}
_OTHER_PIXELS = {
    "privacy.fingerprintingProtection": True,
    "privacy.fingerprintingProtection.overrides": "+CanvasImageExtractionPrompt",
}
"""What Firefox, and browsers made of it, do against fingerprinting."""
_COLORS = """([when, count]) => {
  const video = document.querySelector('.tile.has-picture[aria-label="Ben"] video');
  const canvas = new OffscreenCanvas(1, 1);
  const brush = canvas.getContext("2d");
  if (video) brush.drawImage(video, 0, 0, 1, 1);
  const seen = ((window.colors ??= {})[when] ??= new Set());
  return seen.add(brush.getImageData(0, 0, 1, 1).data.join()).size >= count;
}"""
"""Whether Ben's picture has had so many colors: what Firefox films without a camera changes all the time."""


async def hide_room(ben: Page, base: str) -> None:
    """Ben has chosen earlier to blur what is behind him."""
    await ben.goto(f"{base}/r/nowhere")
    await ben.evaluate("""localStorage.setItem('tertulia.preferences', '{"background": "blur"}')""")


async def test_others_see_the_person_and_another_background(
    come: Come, base: str, tmp_path: Path, pictures: Path
) -> None:
    room = new_room(base)
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.join(room.host_link)
    async with firefox(tmp_path) as ben:
        await ben.prepare(DEVICES)
        await ben.join(room.link, "Ben")
        real = await picture(ana, "Ben", "f.mean[0] > 60 && b.spread > 30")
        await ben.choose("More", "Settings")
        await ben.fill("dialog select:has([value=blur])", "plain")
        await picture(ana, "Ben", _PLAIN)
        await ben.fill("dialog select:has([value=blur])", "blur")
        blurred = f"f.mean[0] > 60 && b.mean[0] < 160 && b.spread < {real['behind']['spread'] * 0.8}"
        await picture(ana, "Ben", blurred)
        await ben.picture(pictures / "firefox-blur.png")
        await ben.fill("dialog select:has([value=blur])", "none")
        await picture(ana, "Ben", f"f.mean[0] > 60 && b.spread > {real['behind']['spread'] * 0.9}")
        # The camera was opened once, and nobody was asked again.
        assert await ben.evaluate("window.asked") == 1
        await ben.fill("dialog select:has([value=blur])", "plain")
        await ben.close_dialog()
        await ben.press("Turn camera off")
        await ben.press("Turn camera on")
        await picture(ana, "Ben", _PLAIN)


async def test_a_machine_that_cannot_keep_up_shows_nothing_rather_than_the_room(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path) as ben:
        await ben.give(PACE, IS_TOO_SLOW)
        await hide_room(ben, base)
        await ben.join(new_room(base).link, "Ben")
        await ben.says("This device is too slow to hide your background.", "#notices")
        await ben.until(control("Turn camera on"))
        await ben.press("Turn on without it")
        await ben.until(control("Turn camera off"))
        await ben.until("document.querySelector('.tile.has-picture')")


@pytest.mark.parametrize("preferences", [_NO_FRAMES, _OTHER_PIXELS], ids=["no frames", "other pixels"])
async def test_a_browser_in_which_nobody_can_be_found_shows_nothing(
    base: str, tmp_path: Path, preferences: dict[str, bool | str]
) -> None:
    async with firefox(tmp_path, preferences) as ben:
        await hide_room(ben, base)
        await ben.join(new_room(base).link, "Ben")
        await ben.says("Your background could not be hidden.", "#notices")
        await ben.until(control("Turn camera on"))
        assert await ben.evaluate("document.querySelector('.tile.has-picture')") is None


async def test_the_picture_goes_on_while_the_tab_is_hidden(come: Come, base: str, tmp_path: Path) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    async with firefox(tmp_path) as ben:
        await hide_room(ben, base)
        await ben.join(room.link, "Ben")
        await ana.page.wait_for_function(_COLORS, arg=["shown", 5])
        async with ben.hidden():
            await ana.page.wait_for_function(_COLORS, arg=["hidden", 20])
            # It begins there, too.
            await ben.press("Turn camera off")
            await expect(ana.tile("Ben")).not_to_contain_class("has-picture")
            await ben.press("Turn camera on")
            await ana.page.wait_for_function(_COLORS, arg=["begun", 20])
        await ana.page.wait_for_function(_COLORS, arg=["shown again", 5])
