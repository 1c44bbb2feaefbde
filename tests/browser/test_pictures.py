"""Pictures of every screen, to be looked at (.build/pictures), and what can be measured of them.

Nothing overlaps, nothing overflows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import ViewportSize, expect

from tests.browser.conftest import Come
from tests.browser.films import Recordings, film, make_film, track
from tests.browser.person import Person, Room, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESKTOP: Final[ViewportSize] = {"width": 1280, "height": 800}
LAPTOP: Final[ViewportSize] = {"width": 1024, "height": 640}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
NARROW: Final[ViewportSize] = {"width": 320, "height": 640}
PHONE_LYING: Final[ViewportSize] = {"width": 844, "height": 390}

_MOST: Final = {1280: 25, 1024: 25, 390: 12, 844: 18}
"""Tiles in a window of this width."""

_CROWD: Final = """async ([roomId, names]) => {
  const { Hub, Rest, newUuid } = await import("/static/protocol.js");
  const rest = new Rest(location.origin);
  window.crowd ??= [];
  for (const [i, name] of names.entries()) {
    if (i < window.crowd.length) continue;
    const userId = newUuid();
    const state = () => ({ isMuted: i % 3 === 0, isVideoOn: false });
    const hub = new Hub({ roomId, grant: () => rest.join(roomId, userId, name), state });
    await hub.join();
    if (i === 4) await hub.call("RaiseHand", { raised: true });
    window.crowd.push(hub);
  }
}"""

# fmt: off
NAMES: Final = [
    "Ana Belén", "Carlos Ruiz", "Dolores", "Eduardo Gil", "Francisca", "Gabriel Mora", "Hélène Dubois", "Ignacio",
    "Júlia Serra", "Karl Böhm", "Lucía Fernández-Villaverde del Castillo", "Mateo", "Nora Lind", "Óscar",
    "Pilar Abel", "Quim", "Rosa M", "Samuel O", "Teresa", "Umut Kaya", "Vera", "Wanda L", "Ximena", "Yusuf", "Zoe",
    "Álvaro", "Bibiana", "Ciro",
]
# fmt: on

_BOXES: Final = """async ({ width, height }) => {
  const frame = () => new Promise(requestAnimationFrame);
  while (innerWidth !== width || innerHeight !== height) await frame();
  // The grid hears of its new size while a frame is made, and has its tiles placed in the next.
  await frame();
  await frame();
  return [...document.querySelectorAll(".tile")].filter((t) => !t.hidden).map((t) => {
    const { x, y, width, height } = t.getBoundingClientRect();
    return { x, y, width, height, name: t.getAttribute("aria-label") };
  });
}"""


async def crowd(come: Come, room: Room, count: int) -> Person:
    """``count`` people without cameras, by the page's own client library."""
    person = await come("Crowd")
    await person.page.goto(room.base)
    await fill(person, room, count)
    return person


async def fill(person: Person, room: Room, count: int) -> None:
    """Has a person's page join a room as ``count`` people, less those who are there already."""
    await person.page.evaluate(_CROWD, [room.id, NAMES[:count]])


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_tiles(come: Come, base: str, pictures: Path, scheme: str) -> None:
    room = new_room(base)
    others = await crowd(come, room, 0)
    me = await come("Lorenzo Vidal", color_scheme=scheme, reduced_motion="reduce")
    await me.join(room.link)
    for count in (1, 2, 3, 5, 7, 12, 25, 28):
        await fill(others, room, count - 1)
        await me.page.get_by_role("button", name=f"People, {count}", exact=True).wait_for()
        for viewport in (DESKTOP, LAPTOP, PHONE, PHONE_LYING):
            await me.page.set_viewport_size(viewport)
            most = _MOST[viewport["width"]]
            await me.sees_tiles(min(count, most))
            await expect(me.button("More people")).to_be_visible(visible=count > most)
            assert_apart(await me.page.evaluate(_BOXES, viewport), viewport)
            await me.page.screenshot(path=pictures / f"tiles-{viewport['width']}-{count:02}-{scheme}.png")
    await me.page.set_viewport_size(DESKTOP)
    first = {box["name"] for box in await me.page.evaluate(_BOXES, DESKTOP)}
    await me.button("More people").click()
    await me.sees_tiles(3)
    second = {box["name"] for box in await me.page.evaluate(_BOXES, DESKTOP)}
    assert first | second == {*NAMES[:27], "Lorenzo Vidal (you)"} and not first & second
    assert NAMES[26] in second
    await me.button("Previous people").click()
    await expect(me.tile(NAMES[26])).to_have_count(0)
    await others.page.evaluate("window.crowd.at(-1).call('RaiseHand', { raised: true })")
    await me.tile(NAMES[26]).wait_for()


def assert_apart(boxes: list[dict[str, Any]], viewport: ViewportSize) -> None:
    """Each within the window, none over another, and all of one size."""
    for i, a in enumerate(boxes):
        assert a["x"] >= 0 and a["y"] >= 0, a
        assert a["x"] + a["width"] <= viewport["width"] and a["y"] + a["height"] <= viewport["height"], a
        for b in boxes[i + 1 :]:
            apart_x = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart_x or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"], (a, b)
    assert len({round(box["width"]) for box in boxes}) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "viewport", [DESKTOP, LAPTOP, PHONE, PHONE_LYING], ids=["desktop", "laptop", "phone", "sideways"]
)
async def test_screens(come: Come, base: str, pictures: Path, viewport: ViewportSize, scheme: str) -> None:
    room = new_room(base)
    others = await crowd(come, room, 6)
    me = await come("Lorenzo Vidal", viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page = me.page

    async def picture(name: str) -> None:
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], f"{name} is wider than the window"
        await page.screenshot(path=pictures / f"{name}-{viewport['width']}-{scheme}.png")

    await page.goto(base)
    await me.button("New meeting").wait_for()
    await picture("start")
    await page.goto(f"{base}/r/anything")
    await page.get_by_role("heading", name="There is no such page").wait_for()
    await picture("no-such-page")
    me.trouble.clear()  # the browser itself writes 404 to the console
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await picture("lobby")
    await page.get_by_role("button", name="Join now").click()
    await me.sees_tiles(7)
    await others.page.evaluate("""async () => {
      await window.crowd[0].call("SendChat", { text: "Hello everyone, the draft is at https://example.org/draft" });
      await window.crowd[0].call("SendChat", { text: "Please read it before noon." });
      const text = "On it! I have two questions about the second part, which I will ask later.";
      await window.crowd[1].call("SendChat", { text });
    }""")
    await me.button("Chat, 3 unread").click()
    await page.get_by_label("Message", exact=True).fill("Thanks, see you.")
    await me.press("Enter")
    await page.get_by_role("log").get_by_text("Thanks").wait_for()
    await picture("chat")
    await me.press("Escape")
    await me.press("p")
    await page.get_by_text("7 people").wait_for()
    await picture("people")
    await me.press("Escape")
    await me.button("More").click()
    await picture("menu")
    await page.get_by_role("menuitem", name="Settings").click()
    await page.get_by_role("dialog").wait_for()
    await picture("settings")
    await me.press("Escape")
    await me.press("?")
    await page.get_by_role("dialog").wait_for()
    await picture("shortcuts")
    await me.press("Escape")
    await me.tile("Carlos Ruiz").dblclick()
    await picture("pinned")
    await me.button("Leave").click()
    await picture("leaving")
    await page.get_by_role("menuitem", name="Leave the meeting").click()
    await page.get_by_role("heading", name="You left the meeting").wait_for()
    await picture("ended")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE, NARROW], ids=["desktop", "phone", "narrow"])
async def test_screens_of_recordings(
    come: Come, base: str, pictures: Path, tmp_path: Path, viewport: ViewportSize, scheme: str
) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ben = await come("Carlos Ruiz")
    await ben.join(room.link)
    me = await come("Lorenzo Vidal", viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
    page = me.page
    await list_of_recordings(base, make_film(tmp_path / "film.mp4")).serve(me.context)

    async def picture(name: str, *, full: bool = False) -> None:
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], f"{name} is wider than the window"
        path = pictures / f"recording-{name}-{viewport['width']}-{scheme}.png"
        await page.screenshot(path=path, full_page=full)

    async def choose(name: str) -> None:
        if viewport is DESKTOP:
            await me.button(name).click()
        else:
            await me.button("More").click()
            await page.get_by_role("menuitem", name=name).click()

    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await page.get_by_role("heading", name="Recordings").wait_for()
    await picture("lobby", full=True)
    await page.get_by_role("button", name="Join now").click()
    await me.tile("Carlos Ruiz").wait_for()
    await choose("Record the meeting")
    await picture("question")
    await me.button("Start recording").click()
    await me.hears("This meeting is being recorded now.")
    await ben.button("Don’t record me").click()
    await me.tile("Carlos Ruiz").get_by_text("not recorded").wait_for()
    await picture("told")
    await me.button("OK").click()
    await picture("on")
    await me.button("More").click()
    await picture("menu")
    await me.press("Escape")
    await choose("Stop recording")
    await picture("stop")
    await page.get_by_role("dialog").get_by_role("button", name="Stop recording").click()
    await me.hears("The recording has stopped.")
    await me.leave_as_host()
    await page.get_by_role("heading", name="Recordings").wait_for()
    await picture("list", full=True)
    await me.button("Watch").click()
    await page.wait_for_function("() => document.querySelector('.player video').readyState >= 2")
    await picture("player", full=True)
    await me.button("Make another layout").first.click()
    await picture("layouts")


def list_of_recordings(base: str, file: Path) -> Recordings:
    """One in each state, and two whose sound is there by person."""
    made = film(url=f"{base}/v1/files/film.mp4?expires=1&signature=s")
    progress = {"stage": "composing", "fraction": 0.43, "expectedAt": "2026-11-28T20:31:00Z"}
    voices = [track(made, name, url=made["url"]) for name in ("Ana Belén", "Lucía Fernández-Villaverde del Castillo")]
    views = [film("recording"), film("processing", progress=progress, layout="speaker"), made, *voices]
    failed = film("failed", error="There is no space left on the server’s disk.")
    return Recordings([*views, failed, film("empty")], files={"film.mp4": file})


@pytest.mark.parametrize("language", ["en", "de", "ar"])
async def test_one_can_join_from_a_phone_held_sideways(come: Come, base: str, language: str) -> None:
    me = await come("Lorenzo Vidal", viewport=PHONE_LYING, has_touch=True, is_mobile=True, locale=language)
    await me.page.goto(new_room(base).link)
    await me.page.locator(".mirror video").wait_for()
    for part in (".mirror", ".switches", "input[name=name]", ".ready button"):
        await expect(me.page.locator(part)).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("language", ["en", "de", "he"])
async def test_who_shares_can_stop_in_a_narrow_window(come: Come, base: str, language: str) -> None:
    me = await come("Lorenzo Vidal", viewport=PHONE_LYING, locale=language)
    await me.page.goto(new_room(base).link)
    await me.page.locator(".ready button").click()
    await me.page.locator(".meeting").wait_for()
    await me.press("s")
    for viewport in (PHONE_LYING, PHONE, NARROW):
        await me.page.set_viewport_size(viewport)
        for part in (".sharing select", ".sharing button", ".hang-up"):
            await expect(me.page.locator(part)).to_be_in_viewport(ratio=1)
