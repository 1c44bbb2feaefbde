"""Meeting control by a host in Firefox, over guests in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import Come
from tests.browser.firefox import Page, firefox
from tests.browser.mixed import Meeting, meeting_of_two
from tests.browser.person import Person, Room, call
from tests.browser.test_control import ask
from tests.browser.test_two_people import grows_beyond
from tests.integration import servers
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

_IS_LARGE: Final = """((tiles) => {
  const width = (tile) => tile.getBoundingClientRect().width;
  const ana = tiles.find((tile) => tile.matches("[aria-label=Ana]"));
  return tiles.every((tile) => tile === ana || 2 * width(tile) < width(ana));
})([...document.querySelectorAll(".tile")])"""
"""The expression for whether Ana's tile is more than twice as wide as any other."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(
    browser: Browser, server: servers.Tertulia, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Meeting]:
    """Ben hosts, with the list of people open."""
    async with meeting_of_two(browser, server, tmp_path_factory.mktemp("firefox"), host="Ben") as found:
        await found.ben.click("[data-command=people]")
        await found.ben.until("document.querySelector('[aria-label=\"More for Ana\"]')")
        yield found


async def rule(room: Room, ben: Page, words: str) -> None:
    """Changes one of the rules of the meeting, and waits until the server has it."""
    await ben.choose("More", "Meeting control")
    box = f"[...document.querySelectorAll('dialog label')].find((l) => l.textContent === {words!r})"
    before = settings(room)
    await ben.until(f"(() => {{ const label = {box}; label?.click(); return !!label; }})()")
    await ben.close_dialog()
    await until(lambda: settings(room) != before)


def settings(room: Room) -> Any:
    """What the server has as the room's settings."""
    return call("GET", f"{room.base}/v1/rooms/{room.id}", token=room.join_token)["settings"]


async def knock(eve: Person, room: Room) -> None:
    """Asks to be let in, by an invite."""
    invite = call("POST", f"{room.base}/v1/rooms/{room.id}/invites", {"role": "attendee"}, room.join_token)
    await ask(eve, f"{room.link}#invite={invite['inviteToken']}")


async def test_a_hand_is_lowered(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ana.press("h")
    await ana.tile("Ana (you)").get_by_role("img", name="Hand raised").wait_for()
    await ben.choose("More for Ana", "Lower their hand")
    await expect(ana.tile("Ana (you)").get_by_role("img", name="Hand raised")).to_have_count(0)


async def test_a_co_host_is_made_and_is_one_no_more(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ben.choose("More for Ana", "Make co-host")
    await ben.click("dialog .dialog-actions button.primary")
    await ana.hears("You are a co-host now.")
    await ben.choose("More for Ana", "Take co-host away")
    await ana.hears("You are no longer a co-host.")


async def test_a_locked_meeting_lets_nobody_in(meeting: Meeting, come: Come) -> None:
    room, _, ben = meeting
    eve = await come("Eve")
    await rule(room, ben, "Lock the meeting: nobody else joins")
    await eve.page.goto(room.link)
    await eve.page.get_by_role("heading", name="The meeting is locked").wait_for()
    await rule(room, ben, "Lock the meeting: nobody else joins")
    await eve.button("Try again").click()
    await eve.button("Join now").wait_for()
    eve.trouble.clear()  # the browser writes down that the link was refused


async def test_people_are_muted_on_entry(meeting: Meeting, come: Come) -> None:
    room, _, ben = meeting
    eve = await come("Eve")
    await rule(room, ben, "Mute people when they join")
    await eve.join(room.link)
    await eve.hears("You joined muted. You can unmute yourself.")
    await rule(room, ben, "Mute people when they join")
    await eve.leave()


async def test_who_knocks_is_denied_or_let_in(meeting: Meeting, come: Come) -> None:
    room, _, ben = meeting
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


async def test_everyone_who_waits_is_let_in(meeting: Meeting, come: Come) -> None:
    room, _, ben = meeting
    people = [await come(name) for name in ("Eve", "Joe")]
    await rule(room, ben, "Let people wait until a host lets them in")
    for person in people:
        await knock(person, room)
    await ben.press("Let everyone in")
    for person in people:
        await person.page.wait_for_selector(".meeting")
    await rule(room, ben, "Let people wait until a host lets them in")
    for person in people:
        await person.leave()


async def test_a_video_that_is_stopped_stays_off(meeting: Meeting) -> None:
    _, ana, ben = meeting
    picture = "document.querySelector('.tile[aria-label=Ana].has-picture')"
    await ben.until(picture)
    await ben.choose("More for Ana", "Stop their video")
    await ana.hears("The host has stopped your video.")
    await ben.until(f"!{picture}")
    await expect(ana.page.locator(".notice", has_text="stopped your video")).to_have_count(0)
    await ana.button("Turn camera on").click()
    await ana.hears("The host has stopped your video.")
    assert await ana.button("Turn camera on").is_visible() and await ben.evaluate(f"!{picture}")
    await ben.choose("More for Ana", "Let them show video")
    await ana.hears("You can turn your camera on again.")
    await ana.button("Turn camera on").click()
    await ben.until(picture)


async def test_everyone_sees_who_is_in_the_spotlight_large(meeting: Meeting, come: Come) -> None:
    room, ana, ben = meeting
    eve = await come("Eve", viewport={"width": 1280, "height": 800})
    await eve.join(room.link)
    await ben.until(f"document.querySelectorAll('.tile').length === 3 && !{_IS_LARGE}")
    await ben.choose("More for Ana", "Spotlight for everyone")
    await ana.hears("You are in the spotlight: everyone sees you large.")
    await ben.until(_IS_LARGE)
    for other in ("Ben", "Eve (you)"):
        await grows_beyond(eve.tile("Ana"), eve.tile(other))
    await ben.choose("More for Ana", "Remove the spotlight")
    await ben.until(f"!{_IS_LARGE}")
    await eve.leave()


async def test_muting_somebody_says_on_both_sides_what_it_does(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ben.press("Mute Ana")
    await ben.says("Ana is being muted. They can unmute themselves.", "#notices")
    await ana.hears("Ben muted you. You can unmute yourself.")
    await ben.until("document.querySelector('.tile[aria-label=Ana] [aria-label=Muted]')")
    await ana.button("Unmute").last.click()
    await ana.button("Mute").wait_for()


async def test_what_only_hosts_may(meeting: Meeting) -> None:
    room, ana, ben = meeting
    rules = ("Unmute themselves", "Write to everyone", "Share their screen")
    for words in rules:
        await rule(room, ben, words)
    await ana.hears("The host has muted you. Raise your hand to speak.")
    await ana.button("Unmute").click()
    await ana.hears("The host has muted everyone. Raise your hand to speak.")
    await ana.press("s")
    await ana.hears("Only hosts can share their screen.")
    await ana.press("c")
    await expect(ana.page.get_by_label("Message", exact=True)).to_be_disabled()
    await ben.choose("More for Ana", "Let them unmute")
    await ana.hears("You can unmute yourself now.")
    for words in rules:
        await rule(room, ben, words)
    await expect(ana.page.get_by_label("Message", exact=True)).to_be_enabled()
    await ana.button("Unmute").click()
    await ana.button("Mute").wait_for()


async def test_who_was_removed_stays_out(meeting: Meeting, come: Come, tmp_path: Path) -> None:
    room, _, ben = meeting
    eve = await come("Eve")
    await eve.join(room.link)
    await ben.choose("More for Eve", "Remove Eve")
    await ben.click("dialog .dialog-actions button.danger")
    await eve.page.get_by_role("heading", name="You were removed").wait_for()
    await eve.page.reload()
    await eve.page.get_by_role("heading", name="You were removed").wait_for()
    eve.trouble.clear()  # the browser writes down that the link was refused
    async with firefox(tmp_path) as joe:
        await joe.join(room.link, "Joe")
        await ben.choose("More for Joe", "Remove Joe")
        await ben.click("dialog .dialog-actions button.danger")
        await joe.says("You were removed", "h1")
        await joe.goto(room.link)  # as by a reload
        await joe.says("You were removed", "h1")
        await joe.goto(room.base)
        await joe.goto(room.link)
        await joe.says("You were removed", "h1")
