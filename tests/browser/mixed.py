"""A meeting of Ana in Chromium and Ben in Firefox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.async_api import Browser

from tests.browser.chromium import COLLECT_CONNECTIONS, KEEP_TRACKS
from tests.browser.firefox import Page, firefox
from tests.browser.person import Person, Room, new_room
from tests.integration import servers

_SHARE_A_TAB = """navigator.mediaDevices.getDisplayMedia =
  () => navigator.mediaDevices.getUserMedia({ video: { mediaSource: "browser" } });"""
"""Firefox without a screen has nothing else to share."""


class Meeting(NamedTuple):
    """See the module."""

    room: Room
    ana: Person
    ben: Page


@asynccontextmanager
async def meeting_of_two(
    browser: Browser, server: servers.Tertulia, directory: Path, host: Literal["Ana", "Ben"]
) -> AsyncIterator[Meeting]:
    """One of them hosts. At the end Ana's page may not have had an error."""
    room = new_room(f"http://localhost:{server.port}")
    links = {"Ana": room.link, "Ben": room.link, host: room.host_link}
    ana = await Person.come(browser, "Ana", viewport={"width": 1280, "height": 800})
    await ana.join(links["Ana"])
    async with firefox(directory) as ben:
        for script in (KEEP_TRACKS, COLLECT_CONNECTIONS, _SHARE_A_TAB):
            await ben.prepare(script)
        await ben.join(links["Ben"], "Ben")
        await ana.tile("Ben").wait_for()
        yield Meeting(room, ana, ben)
    await ana.close()
    assert ana.trouble == []
