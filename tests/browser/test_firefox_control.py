"""Meeting control by a host in Firefox, over guests in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import Come
from tests.browser.firefox import Page, firefox
from tests.browser.person import PATIENCE, POLL_SECONDS, Person, Room, call, new_room
from tests.browser.test_control import ask
from tests.browser.test_firefox_page import click, close

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Meeting(NamedTuple):
    """Ben, who hosts, in Firefox, with the list of people open; Ana in Chromium."""

    room: Room
    ben: Page
    ana: Person


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(browser: Browser, server: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Meeting]:
    room = new_room(f"http://localhost:{server.port}")  # type: ignore[attr-defined]
    ana = await Person.come(browser, "Ana")
    async with firefox(tmp_path_factory.mktemp("firefox")) as ben:
        await ben.join(room.host_link, "Ben")
        await click(ben, "[data-command=people]")
        await ana.join(room.link)
        await ben.until("document.querySelector('[aria-label=\"More for Ana\"]')")
        yield Meeting(room, ben, ana)
    await ana.close()
    assert ana.trouble == []


async def rule(room: Room, ben: Page, words: str) -> None:
    """Changes one of the rules of the meeting, and waits until the server has it."""
    await ben.choose("More", "Meeting control")
    box = f"[...document.querySelectorAll('dialog label')].find((l) => l.textContent === {words!r})"
    before = settings(room)
    await ben.until(f"(() => {{ const label = {box}; label?.click(); return !!label; }})()")
    await close(ben)
    async with asyncio.timeout(PATIENCE / 1000):
        while settings(room) == before:
            await asyncio.sleep(POLL_SECONDS)


def settings(room: Room) -> Any:
    """What the server has as the room's settings."""
    return call("GET", f"{room.base}/v1/rooms/{room.id}", token=room.join_token)["settings"]


async def knock(eve: Person, room: Room) -> None:
    """Asks to be let in, by an invite."""
    invite = call("POST", f"{room.base}/v1/rooms/{room.id}/invites", {"role": "attendee"}, room.join_token)
    await ask(eve, f"{room.link}#invite={invite['inviteToken']}")


async def test_a_hand_is_lowered(meeting: Meeting) -> None:
    _, ben, ana = meeting
    await ana.press("h")
    await ana.tile("Ana (you)").get_by_role("img", name="Hand raised").wait_for()
    await ben.choose("More for Ana", "Lower their hand")
    await expect(ana.tile("Ana (you)").get_by_role("img", name="Hand raised")).to_have_count(0)


async def test_a_co_host_is_made_and_is_one_no_more(meeting: Meeting) -> None:
    _, ben, ana = meeting
    await ben.choose("More for Ana", "Make co-host")
    await click(ben, "dialog .dialog-actions button.primary")
    await ana.hears("You are a co-host now.")
    await ben.choose("More for Ana", "Take co-host away")
    await ana.hears("You are no longer a co-host.")


async def test_a_locked_meeting_lets_nobody_in(meeting: Meeting, come: Come) -> None:
    room, ben, _ = meeting
    eve = await come("Eve")
    await rule(room, ben, "Lock the meeting: nobody else joins")
    await eve.page.goto(room.link)
    await eve.page.get_by_role("heading", name="The meeting is locked").wait_for()
    await rule(room, ben, "Lock the meeting: nobody else joins")
    await eve.button("Try again").click()
    await eve.button("Join now").wait_for()
    eve.trouble.clear()  # the browser writes down that the link was refused


async def test_people_are_muted_on_entry(meeting: Meeting, come: Come) -> None:
    room, ben, _ = meeting
    eve = await come("Eve")
    await rule(room, ben, "Mute people when they join")
    await eve.join(room.link)
    await eve.hears("You joined muted. You can unmute yourself.")
    await rule(room, ben, "Mute people when they join")
    await eve.leave()


async def test_who_knocks_is_denied_or_let_in(meeting: Meeting, come: Come) -> None:
    room, ben, _ = meeting
    eve, joe = await come("Eve"), await come("Joe")
    await rule(room, ben, "Let people wait until a host lets them in")
    await knock(eve, room)
    await ben.press("Deny Eve")
    await eve.page.get_by_text("The host did not let you in.").wait_for()
    await knock(joe, room)
    await ben.press("Let in Joe")
    await joe.page.wait_for_selector(".meeting")
    await rule(room, ben, "Let people wait until a host lets them in")
    await joe.leave()


async def test_who_was_removed_stays_out(meeting: Meeting) -> None:
    _, ben, ana = meeting
    await ben.choose("More for Ana", "Remove Ana")
    await click(ben, "dialog .dialog-actions button.danger")
    await ana.page.get_by_role("heading", name="You were removed").wait_for()
    await ben.until("document.querySelectorAll('.people-list li').length === 1")
