"""What people do in the page, by Firefox in a meeting with Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.firefox import Page, firefox
from tests.browser.person import Person, Room, call, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Meeting(NamedTuple):
    """Ana, who hosts, in Chromium; Ben in Firefox, who came after she had written."""

    room: Room
    ana: Person
    ben: Page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(browser: Browser, server: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Meeting]:
    base = f"http://localhost:{server.port}"  # type: ignore[attr-defined]
    room = new_room(base)
    ana = await Person.come(browser, "Ana", viewport={"width": 1280, "height": 800})
    await ana.join(room.host_link)
    await ana.press("c")
    await write(ana, "before Ben came")
    async with firefox(tmp_path_factory.mktemp("firefox")) as ben:
        await ben.join(room.link, "Ben")
        await ana.tile("Ben").wait_for()
        yield Meeting(room, ana, ben)
    await ana.close()
    assert ana.trouble == []


async def write(ana: Person, text: str) -> None:
    await ana.page.get_by_label("Message", exact=True).fill(text)
    await ana.press("Enter")


async def click(ben: Page, selector: str) -> None:
    """Clicks the first element that the selector finds."""
    await ben.until(f"(() => {{ const e = document.querySelector({selector!r}); e?.click(); return !!e; }})()")


async def close(ben: Page) -> None:
    """Closes the dialog."""
    await click(ben, "dialog header button")


async def test_the_history_a_private_word_and_a_reaction(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ben.until("document.querySelector('[data-command=chat]').getAttribute('aria-expanded') === 'false'")
    await click(ben, "[data-command=chat]")
    await ben.says("before Ben came", ".messages")
    ana_id = await ben.evaluate("document.querySelector('.recipient option:nth-child(2)').value")
    await ben.fill(".recipient select", ana_id)
    await ben.fill(".compose textarea", "only for you")
    await click(ben, ".compose button[type=submit]")
    await ana.page.locator(".messages").get_by_text("only for you").wait_for()
    await expect(ana.page.locator(".messages")).to_contain_text("privately")
    await ben.press("React or copy")
    await click(ben, ".message-menu .emoji-row button:nth-child(7)")
    await expect(ana.page.locator(".messages")).to_contain_text("🎉")
    await ben.press("Close chat")
    await click(ben, ".bar [data-command=react]")
    await click(ben, "#reaction-picker button")
    await ana.page.locator(".float", has_text="Ben").wait_for()


async def test_another_name(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await click(ben, "[data-command=people]")
    await ben.press("Change your name")
    await ben.fill("dialog input[name=name]", "Benjamin")
    await ben.press("Save")
    await ana.tile("Benjamin").wait_for()
    await ben.press("Change your name")
    await ben.fill("dialog input[name=name]", "Ben")
    await ben.press("Save")
    await ana.tile("Ben").wait_for()
    await ben.press("Close people")


async def test_layouts(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Change layout")
    await click(ben, "dialog input[value=speaker]")
    await ben.until("document.querySelectorAll('.tile.person').length === 1")
    await click(ben, "dialog input[value=auto]")
    await ben.until("document.querySelectorAll('.tile.person').length === 2")
    await close(ben)


async def test_a_volume(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.press("Volume of Ana")
    await ben.fill("dialog input[type=range]", "0.25")
    await ben.until("[...document.querySelectorAll('audio')].some(({ volume }) => volume === 0.25)")
    await ben.fill("dialog input[type=range]", "1")
    await close(ben)


async def test_details(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Connection details")
    await ben.says("opus", "dialog")
    await ben.says("Direct, by", "dialog")
    await close(ben)


async def test_what_a_host_decides(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ana.button("Close chat").click()
    await ana.press("p")
    for item, words in (
        ("Stop their video", "The host has stopped your video."),
        ("Let them show video", "You can turn your camera on again."),
        ("Spotlight for everyone", "You are in the spotlight"),
    ):
        await ana.button("More for Ben").click()
        await ana.page.get_by_role("menuitem", name=item).click()
        await ben.says(words, "#notices")


async def test_a_language_and_a_link_with_a_password(meeting: Meeting) -> None:
    room, _, ben = meeting
    await ben.evaluate("localStorage.setItem('tertulia.language', 'de')")
    path = f"{room.base}/v1/rooms/{room.id}/invites"
    invite = call("POST", path, {"role": "attendee", "password": "let me in"}, room.join_token)
    await ben.goto(invite["url"].replace("127.0.0.1", "localhost"))
    await ben.says("Diese Besprechung hat ein Passwort")
    await ben.fill("input[name=password]", "let me in")
    await click(ben, ".password-form button")
    await ben.until("document.querySelector('.ready button')")
    await ben.evaluate("localStorage.removeItem('tertulia.language')")
