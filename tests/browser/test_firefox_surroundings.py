"""Firefox on a phone, with colours set by the system, and with large type."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.browser.firefox import Page, firefox
from tests.browser.person import new_room
from tests.browser.test_comfort import CUT_OFF, FONT_SIZES, OVERLAPS
from tests.clients.signaling import joined

pytestmark = pytest.mark.asyncio(loop_scope="session")

_FINGER: Final = {"ui.primaryPointerCapabilities": 1, "ui.allPointerCapabilities": 1}
"""A screen that one touches, and no mouse."""
_COLOURS: Final = {"browser.display.document_color_use": 2}
"""Those of the system, whatever pages wish."""
_LARGE: Final = {"font.size.variable.x-western": 32}
"""Twice the usual size."""

_TWO_CAMERAS: Final = """
  const media = navigator.mediaDevices;
  const [list, ask] = [media.enumerateDevices.bind(media), media.getUserMedia.bind(media)];
  const ways = ["user", "environment"];
  media.enumerateDevices = async () => {
    const others = (await list()).filter(({ kind }) => kind !== "videoinput");
    return [...others, ...ways.map((way) => ({ kind: "videoinput", deviceId: way, groupId: way, label: way }))];
  };
  media.getUserMedia = async ({ video, ...others }) => {
    const { deviceId, facingMode, ...size } = video || {};
    const stream = await ask({ ...others, ...(video && { video: size }) });
    for (const track of stream.getVideoTracks()) {
      const way = facingMode?.ideal ?? deviceId?.exact ?? "user";
      const settings = track.getSettings.bind(track);
      track.getSettings = () => ({ ...settings(), deviceId: way, facingMode: way });
    }
    return stream;
  };
"""
"""The same picture, of a camera on either side of a phone."""
_FILMS: Final = """((video) => video?.videoWidth > 0 &&
  video.srcObject.getVideoTracks()[0].getSettings().facingMode === {!r} && video.matches(".mirrored") === {}
)(document.querySelector({!r}))"""
"""Whether somebody's own picture is of a camera, and mirrored or not."""


async def css(page: Page, selector: str, name: str, pseudo: str = "") -> str:
    """A property of the first element that a selector finds, as it is computed."""
    found = f"document.querySelector({selector!r}), {pseudo!r} || undefined"
    value: str = await page.evaluate(f"getComputedStyle({found})[{name!r}]")
    return value


async def enter(ben: Page) -> None:
    """From the lobby into the meeting, where nobody has given a name yet."""
    await ben.fill("input[name=name]", "Ben")
    await ben.press("Join now")


async def test_a_phone_turns_to_its_other_camera(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path, _FINGER) as ben:
        await ben.prepare(_TWO_CAMERAS)
        await ben.resize(390, 844)
        await ben.goto(new_room(base).link)
        await ben.until(_FILMS.format("user", "true", ".mirror video"))
        await ben.press("Use the other camera")
        await ben.until(_FILMS.format("environment", "false", ".mirror video"))
        await enter(ben)
        await ben.until(_FILMS.format("environment", "false", ".tile.own video"))
        await ben.choose("More", "Use the other camera")
        await ben.until(_FILMS.format("user", "true", ".tile.own video"))


async def test_what_cannot_be_seen_cannot_be_tapped(base: str, tmp_path: Path) -> None:
    room = new_room(base)
    async with joined(base, room.id, "Ana"), firefox(tmp_path, _FINGER) as ben:
        await ben.resize(390, 844)
        await ben.join(room.link, "Ben")
        await ben.until("document.querySelector('.tile[aria-label=Ana] .pin')")
        for is_small in (False, True):
            if is_small:
                await ben.press("Pin Ana")
                await ben.until("document.querySelector('.tile.own.small')")
            opacity, events = ("0", "none") if is_small else ("0.85", "auto")
            style = "getComputedStyle(document.querySelector('.tile.own .pin:not(.volume)'))"
            await ben.until(f"{style}.opacity === {opacity!r} && {style}.pointerEvents === {events!r}")


async def test_with_colours_of_the_system_edges_say_what_grounds_said(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path, _COLOURS) as ben:
        await ben.join(new_room(base).host_link, "Ben")
        await ben.until("document.querySelector('.tile')")
        assert await css(ben, ".control", "borderTopWidth") == "1px"
        await ben.press("Mute")
        await ben.until("document.querySelector('[data-command=mic].off')")
        assert await css(ben, "[data-command=mic]", "borderTopStyle") == "dashed"
        await ben.press("Chat")
        await ben.until("document.querySelector('[data-command=chat].active')")
        assert await css(ben, "[data-command=chat]", "borderTopWidth") == "3px"
        silent = await css(ben, ".tile", "borderTopWidth", "::after")
        await ben.evaluate("void document.querySelector('.tile').classList.add('is-speaking')")
        assert (silent, await css(ben, ".tile", "borderTopWidth", "::after")) == ("1px", "4px")


async def test_text_follows_the_font_size_of_the_browser(base: str, tmp_path: Path) -> None:
    sizes = []
    for name, preferences in (("usual", {}), ("large", _LARGE)):
        directory = tmp_path / name
        directory.mkdir()
        async with firefox(directory, preferences) as ben:
            await ben.goto(new_room(base).host_link)
            await ben.until("document.querySelector('.mirror video')?.videoWidth > 0")
            found = await ben.evaluate(f"({FONT_SIZES})()")
            await ben.until(f"({CUT_OFF})().length === 0")
            await enter(ben)
            await ben.until("document.querySelector('.alone')")
            sizes.append(found + await ben.evaluate(f"({FONT_SIZES})()"))
            await ben.until(f"({CUT_OFF})().length === 0")
    usual, large = sizes
    assert len(usual) == len(large) > 10
    # The largest headings also have to fit their column.
    compared = [(a, b) for a, b in zip(usual, large, strict=True) if a < 40]
    assert all(b == pytest.approx(a * 2, rel=0.2) for a, b in compared), compared


async def test_nothing_is_cut_off_at_320_pixels(base: str, tmp_path: Path) -> None:
    room = new_room(base)
    async with joined(base, room.id, "Ana"), firefox(tmp_path, _FINGER) as ben:
        await ben.resize(320, 640)
        await ben.goto(room.host_link)
        await ben.until("document.querySelector('.mirror video')?.videoWidth > 0")
        fits = f"({CUT_OFF})().length === 0 && document.documentElement.scrollWidth <= innerWidth"
        await ben.until(fits)
        await enter(ben)
        await ben.until("document.querySelector('.tile[aria-label=Ana]')")
        await ben.until(f"({OVERLAPS})() === 0")
        for key, opened in (("", ".stage"), ("c", "#chat"), ("p", "#people"), ("?", "dialog")):
            if key:
                await ben.key(key)
            await ben.until(f"document.querySelector({opened!r}).checkVisibility() && {fits}")
            if key:
                await ben.key("\ue00c")  # Escape
