"""Names and chat never reorder the page's own words, whichever direction either has."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Come
from tests.browser.person import Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

_WORDS: Final = r"""(element, name) => {
  const words = [];
  const range = document.createRange();
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest(".face, .avatar")) continue;
    const isOfPeople = node.parentElement.closest("bdi, [dir=auto]");
    for (const { 0: word, index } of node.data.matchAll(isOfPeople ? /[^]+/g : /\S+/g)) {
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      const { left, top, bottom, width } = range.getBoundingClientRect();
      const text = !isOfPeople ? word.replace(/\d/g, "0") : word === name ? "(name)" : "(text)";
      if (width) words.push({ text, left, middle: (top + bottom) / 2 });
    }
  }
  const lines = [];
  for (const word of words.sort((one, other) => one.middle - other.middle)) {
    const line = lines.at(-1);
    if (line && word.middle - line[0].middle < 8) line.push(word);
    else lines.push([word]);
  }
  const way = getComputedStyle(element).direction === "rtl" ? -1 : 1;
  return lines.flatMap((line) => line.sort((one, other) => way * (one.left - other.left))).map(({ text }) => text);
}"""
"""The words of an element as they are seen, line by line, in the direction of the page: its own words, and (name) or
(text) for what is people's."""

ENGLISH, HEBREW = ("Ben (2)!", "a + b = 3!"), ("בן (2)!", "א + ב = 3!")


async def write(person: Person, text: str) -> None:
    await person.page.locator(".compose textarea").fill(text)
    await person.press("Enter")


class Viewer:
    """What somebody else sees of who has this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: dict[str, list[str]] = {}

    async def see(self, what: str, element: Locator) -> None:
        """Note the words of it, once it is there."""
        await element.wait_for()
        self.seen[what] = await element.evaluate(_WORDS, self.name)


async def seen(come: Come, base: str, locale: str, name: str, text: str) -> dict[str, list[str]]:
    """What the host sees of somebody with this name who writes this text."""
    room = new_room(base)
    ana = await come("Ana", locale=locale, viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page, viewer = ana.page, Viewer(name)
    await page.goto(room.host_link)
    await page.locator(".ready button").click()
    await page.locator(".alone").wait_for()
    ben = await come(name)
    await ben.join(room.link)
    notices = page.locator("#notices")
    await viewer.see("joined", notices.locator(".notice", has_text=name))
    await viewer.see("tile", page.locator(".tile.person", has_text=name).locator(".plate"))
    await expect(notices.locator(".notice", has_text=name)).to_have_count(0)
    await ben.press("h")
    await viewer.see("hand", notices.locator(".notice", has_text=name))
    await ben.press("c")
    await write(ben, text)
    await viewer.see("preview", notices.locator(".notice", has_text=text))
    await ana.press("c")
    await viewer.see("message", page.locator(".messages li", has_text=text))
    await page.locator(".recipient select").select_option(label=name)
    # Where no element can be, characters isolate it, unless all of it runs from left to right.
    isolated = name if (locale, name) == ("en", ENGLISH[0]) else f"\u2068{name}\u2069"
    await expect(page.locator(".compose textarea")).to_have_attribute("placeholder", re.compile(re.escape(isolated)))
    await write(ana, text)
    await viewer.see("private", page.locator(".messages li", has_text=text).nth(1))
    await ana.press("Escape")
    await ana.press("p")
    person = page.locator("#people li", has_text=name)
    await viewer.see("person", person.locator(".who"))
    await person.locator("[data-act=more]").click()
    await viewer.see("menu", page.locator("#people :popover-open"))
    await page.locator("#people :popover-open [data-action=remove]").click()
    await viewer.see("question", page.locator("dialog h2"))
    return viewer.seen


@pytest.mark.parametrize(
    ("locale", "own", "other"), [("en", ENGLISH, HEBREW), ("he", HEBREW, ENGLISH)], ids=["english", "hebrew"]
)
async def test_names_and_chat_never_reorder_the_pages_own_words(
    come: Come, base: str, locale: str, own: tuple[str, str], other: tuple[str, str]
) -> None:
    usual = await seen(come, base, locale, *own)
    assert all("(name)" in words for words in usual.values())
    assert await seen(come, base, locale, *other) == usual
