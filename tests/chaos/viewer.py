"""Chromium, with the page as it is, in a call: it watches all callers, and measures every pause of their pictures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from playwright.async_api import async_playwright

from tests.browser import chromium
from tests.browser.person import Person
from tests.chaos.site import Site

_WATCH: Final = """() => {
  const newest = new Map();
  let looked = performance.now();
  window.pauses = {};
  window.late = 0;
  setInterval(() => {
    const now = performance.now();
    window.late = Math.max(window.late, now - looked - 20);
    looked = now;
    for (const tile of document.querySelectorAll(".tile")) {
      const name = tile.getAttribute("aria-label");
      const frames = tile.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
      if (!name?.startsWith("Caller") || frames === 0 || frames === newest.get(name)?.frames) continue;
      window.pauses[name] = Math.max(window.pauses[name] ?? 0, now - (newest.get(name)?.at ?? now));
      newest.set(name, { frames, at: now });
    }
    for (const [name, { at }] of newest) window.pauses[name] = Math.max(window.pauses[name], now - at);
  }, 20);
}"""
"""Notes the longest time for which each picture stood still or was away, and the longest for which the page itself did
not turn, in ms. A video that is connected anew begins with 0 frames."""


class Pauses(NamedTuple):
    """In seconds."""

    of_pictures: list[float]
    """The longest of each, the shortest first."""
    lag: float
    """The longest of the page itself, which is a part of these."""


class Viewer:
    """The page. Made by :func:`viewer`."""

    def __init__(self, person: Person, pictures: int) -> None:
        self._person = person
        self._pictures = pictures

    async def watch(self) -> None:
        """Wait until all are seen; pauses count from then on."""
        await self.until_all_seen()
        await self._person.page.evaluate(_WATCH)

    async def until_all_seen(self) -> None:
        """Wait until some frames of each picture have come."""
        await self._person.decodes(self._pictures, frames=3)

    async def pauses(self) -> Pauses:
        """All since :meth:`watch`."""
        found, late = await self._person.page.evaluate("() => [window.pauses, window.late]")
        assert len(found) == self._pictures, found
        return Pauses(sorted(pause / 1000 for pause in found.values()), late / 1000)


@asynccontextmanager
async def viewer(site: Site, room: str, pictures: int) -> AsyncIterator[Viewer]:
    """Somebody in Chromium who sees so many callers."""
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright)
        try:
            person = await Person.come(browser, "Ana")
            await person.join(f"{site.url.replace('127.0.0.1', 'localhost')}/r/{room}")
            yield Viewer(person, pictures)
        finally:
            await browser.close()
