"""The page in its languages: the browser's or the chosen one, from right to left, and nothing left in the code."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Come
from tests.browser.person import Person, new_room
from tests.browser.test_comfort import CUT_OFF, nothing_is_cut_off, what_stays

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MARKED: Final = """
import english from "PLACE?unmarked";
const marked = (text) => typeof text === "string" ? `⟦${text}⟧`
  : Object.fromEntries(Object.entries(text).map(([form, words]) => [form, `⟦${words}⟧`]));
export default Object.fromEntries(Object.entries(english).map(([key, text]) => [key, marked(text)]));
"""
"""English, in which every text of the catalogue can be told from one in the code."""

CATALOGUE: Final = re.compile(r"/static/words/(meetings/)?en\.js$")
_UNMARKED: Final = """() => {
  const names = "script, noscript, .brand, bdi, kbd, option[lang], .face, .avatar, .people-count, .clock";
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: element, data } = walker.currentNode;
    const isDevice = element.tagName === "OPTION" && element.value.length > 20;
    if (/\\p{Letter}/u.test(data) && !isDevice && !element.closest(names)) found.push(data);
  }
  const unmarked = found.filter((text) => !/⟦|⟧/.test(text));
  for (const element of document.body.querySelectorAll("[aria-label], [title], [placeholder]")) {
    for (const name of ["aria-label", "title", "placeholder"]) {
      const text = element.getAttribute(name);
      if (text && !/⟦.*⟧/.test(text) && !element.matches(".tile, .name")) unmarked.push(`${name}: ${text}`);
    }
  }
  return { unmarked, texts: found.length };
}"""


_SIZES: Final = ((1280, 800), (1024, 640), (390, 844), (844, 390))
_CLIPPED: Final = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const { parentElement: element, data } = walker.currentNode;
    if (!data.trim() || element.closest("bdi, option, script, .face, .avatar, .hidden, dialog:not([open])")) continue;
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    range.selectNodeContents(walker.currentNode);
    const text = range.getBoundingClientRect();
    for (let around = element; around !== document.body; around = around.parentElement) {
      const { overflowX } = getComputedStyle(around);
      const box = around.getBoundingClientRect();
      const isScreenReaders = box.width <= 1;
      if (isScreenReaders || overflowX === "auto" || overflowX === "scroll") break;
      const isBound = overflowX !== "visible" || around.matches("button, a, summary");
      if (isBound && (text.left < box.left - 1 || text.right > box.right + 1)) found.push(data);
    }
  }
  return found;
}"""
"""Texts of the page's own that something around them cuts off, or that stick out of their button."""

_CUT_OFF_FOR_LONG: Final = what_stays(f"() => [...({CUT_OFF})(), ...({_CLIPPED})()]")


async def mark_the_catalogue(page: Page) -> None:
    async def answer(route: Route) -> None:
        body = _MARKED.replace("PLACE", urlsplit(route.request.url).path)
        await route.fulfill(content_type="text/javascript", body=body)

    await page.route(CATALOGUE, answer)


async def all_is_from_the_catalogue(person: Person, least: int = 3) -> None:
    found = await person.page.evaluate(_UNMARKED)
    assert found["unmarked"] == []
    assert found["texts"] >= least


async def test_nothing_that_is_said_stands_in_the_code(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    page = ana.page
    await mark_the_catalogue(page)
    await page.goto(base)
    await page.locator(".home .primary").wait_for()
    await all_is_from_the_catalogue(ana)
    await page.goto(new_room(base, isRecordingEnabled=True).host_link)
    await page.locator(".mirror video").wait_for()
    await all_is_from_the_catalogue(ana, 8)
    await page.locator(".ready button").click()
    await page.locator(".alone").wait_for()
    await all_is_from_the_catalogue(ana, 10)
    for key, opened in (("c", "#chat"), ("p", "#people"), ("?", "dialog")):
        await ana.press(key)
        await page.locator(opened).wait_for()
        await all_is_from_the_catalogue(ana, 10)
        await ana.press("Escape")
    await page.locator(".control.more").click()
    await page.locator("[data-action=settings]").click()
    await page.locator("dialog").wait_for()
    await all_is_from_the_catalogue(ana, 10)
    await ana.press("Escape")
    await page.locator(".hang-up").click()
    await page.locator("[data-action=leave]").click()
    await page.locator(".ended h1").wait_for()
    await all_is_from_the_catalogue(ana)


async def test_the_browsers_language_is_used_until_another_is_chosen(come: Come, base: str) -> None:
    ana = await come("Ana", locale="de-AT")
    page = ana.page
    await page.goto(base)
    await page.get_by_role("button", name="Neue Besprechung").wait_for()
    loaded: list[str] = await page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert {name for name in loaded if re.search(r"words/[a-z]{2}\.js$", name)} == {f"{base}/static/words/de.js"}
    await page.get_by_label("Sprache").select_option(label="Français")
    await page.get_by_role("button", name="Nouvelle réunion").wait_for()
    await page.reload()
    await page.get_by_role("button", name="Nouvelle réunion").click()
    await page.get_by_role("button", name="Participer").click()
    await page.get_by_role("button", name="Plus", exact=True).click()
    await page.get_by_role("menuitem", name="Paramètres").click()
    await page.get_by_label("Langue").select_option(label="Comme le navigateur")
    await page.get_by_role("dialog").get_by_role("button", name="Recharger maintenant").click()
    await page.get_by_role("button", name="Jetzt teilnehmen").wait_for()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_from_right_to_left(come: Come, base: str, width: int, height: int) -> None:
    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.link)
    size = {"width": width, "height": height}
    ana = await come("Ana", locale="ar", viewport=size, reduced_motion="reduce")
    page = ana.page
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await nothing_is_cut_off(ana)
    await page.get_by_role("button", name="الانضمام الآن").click()
    tile = ana.tile("Ben")
    await tile.wait_for()
    await tile.dblclick()
    large, small = await tile.bounding_box(), await ana.tile("Ana (أنت)").bounding_box()
    assert large is not None and small is not None
    if width > height:
        assert small["x"] + small["width"] < large["x"]
    for key in ("c", "p", "?"):
        await ana.press(key)
        await page.locator({"c": "#chat", "p": "#people", "?": "dialog"}[key]).wait_for()
        await nothing_is_cut_off(ana)
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        if width > height and key == "c":
            chat, stage = await page.locator("#chat").bounding_box(), await page.locator(".stage").bounding_box()
            assert chat is not None and stage is not None and chat["x"] < stage["x"]
        await ana.press("Escape")
    await page.locator(".control.more").click()
    await nothing_is_cut_off(ana)


async def test_a_link_that_takes_long_to_check_says_so(come: Come, base: str) -> None:
    ana = await come("Ana")

    async def wait(route: Route) -> None:
        await ana.page.locator(".waiting", has_text="Checking the link…").wait_for()
        await route.continue_()

    await ana.page.route(re.compile(r"/v1/rooms/[^/]+/entry"), wait)
    await ana.page.goto(new_room(base).link)
    await ana.page.get_by_role("button", name="Join now").wait_for()
    await expect(ana.page.get_by_text("Checking the link…")).to_have_count(0)


@pytest.mark.parametrize("locale", ["en", "es", "de", "fr", "pt", "ar", "he", "ja"])
async def test_each_language_fits_into_each_window(come: Come, base: str, locale: str) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ben = await come("Ben")
    await ben.join(room.link)
    ana = await come("Ana", locale=locale, reduced_motion="reduce")
    page = ana.page

    async def fits(where: str) -> None:
        for width, height in _SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            cut: list[str] = await page.evaluate(_CUT_OFF_FOR_LONG)
            assert cut == [], f"{where}, {width} × {height}"

    await page.goto(base)
    await page.locator(".home .primary").wait_for()
    await fits("home")
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await fits("lobby")
    await page.locator(".ready button").click()
    await ana.tile("Ben").wait_for()
    await fits("meeting")
    for key, opened in (("c", "#chat"), ("p", "#people"), ("?", "dialog")):
        await ana.press(key)
        await page.locator(opened).wait_for()
        await fits(opened)
        await ana.press("Escape")
    await page.locator(".control.more").click()
    await fits("more")
    await page.locator("[data-action=settings]").click()
    await page.locator("dialog").wait_for()
    await fits("settings")
    await ana.press("Escape")
    await page.locator(".hang-up").click()
    await fits("leave")
    await page.locator("[data-action=leave]").click()
    await page.locator(".ended h1").wait_for()
    await fits("ended")
