"""What a host can ask of others, and what they see then."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import call, new_room
from tests.browser.test_two_people import meet

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_muting_someone(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.press("p")
    await asyncio.gather(
        ana.hears("Ben is being muted. They can unmute themselves."),
        ben.hears("Ana muted you. You can unmute yourself."),
        ana.button("Mute Ben").click(),
    )
    await ana.tile("Ben").get_by_role("img", name="Muted").wait_for()
    await ben.button("Unmute").last.click()
    await expect(ana.tile("Ben").get_by_role("img", name="Muted")).to_have_count(0)


async def test_muting_all(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.press("p")
    await ana.button("Mute all").click()
    await ben.hears("Ana muted you. You can unmute yourself.")
    await ana.tile("Ben").get_by_role("img", name="Muted").wait_for()
    await expect(ana.tile("Ana (you)").get_by_role("img", name="Muted")).to_have_count(0)


async def test_who_came_by_the_plain_link_and_was_removed_stays_out_of_the_meeting(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    link = ben.page.url
    await ana.press("p")
    await ana.button("More for Ben").click()
    await ana.page.get_by_role("menuitem", name="Remove Ben").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    removed = ben.page.get_by_role("heading", name="You were removed")
    await removed.wait_for()
    await ana.sees_tiles(1)
    await ben.page.reload()
    await removed.wait_for()
    await ben.page.goto(base)
    await ben.page.goto(link)
    await removed.wait_for()
    ben.trouble.clear()  # the browser writes down that the link was refused


async def test_ending_for_all(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.tile("Ben").wait_for()
    await ana.button("Leave").click()
    await ana.page.get_by_role("menuitem", name="End the meeting for everyone").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="End the meeting").click()
    for person in (ana, ben):
        await person.page.get_by_role("heading", name="The meeting has ended").wait_for()


async def test_the_host_may_just_leave(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.button("Leave").click()
    await asyncio.gather(ben.hears("Ana left"), ana.page.get_by_role("menuitem", name="Leave the meeting").click())
    await ana.page.get_by_role("heading", name="You left the meeting").wait_for()


async def test_a_guest_has_no_host_controls(come: Come, base: str) -> None:
    _, ben = await meet(come, base)
    await ben.press("p")
    await ben.page.get_by_text("2 people").wait_for()
    await expect(ben.button("Mute all")).to_be_hidden()
    await ben.button("More for Ana").click()
    await expect(ben.page.get_by_role("menuitem").filter(visible=True)).to_have_text(["Volume of Ana"])
    await ben.press("Escape")
    await ben.press("Escape")
    await ben.leave()


async def test_a_host_by_invite(come: Come, base: str) -> None:
    room = new_room(base)
    invite = call("POST", f"{base}/v1/rooms/{room.id}/invites", {"role": "host"}, room.join_token)
    eva = await come("Eva")
    await eva.join(f"{room.link}#invite={invite['inviteToken']}")
    await eva.press("p")
    await eva.page.get_by_text("You · Host").wait_for()
