"""Short links as people see them: made in the meeting, asked for a password, deleted; mails and calendar files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import SHORT, Person, Room, call, here, new_room
from tests.browser.test_chat import NO_CLIPBOARD, SELECTED

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse"


async def invitation(person: Person) -> None:
    await person.page.get_by_role("button", name="More", exact=True).click()
    await person.page.get_by_role("menuitem", name="Invite people").click()


async def delete_link(person: Person) -> None:
    """Deletes the only link in the list that is open, from which the focus goes on to what folds it up."""
    await person.page.get_by_role("button", name="Delete this link").click()
    await person.page.get_by_role("dialog", name="Delete this link?").get_by_role("button", name="Delete").click()
    await person.page.get_by_text("There are no links yet.").wait_for()
    await expect(person.page.locator(".links-section summary").last).to_be_focused()


def invites(room: Room) -> Any:
    """The room's links, as the server has them."""
    return call("GET", f"{room.base}/v1/rooms/{room.id}/invites", token=room.join_token)


async def test_a_link_with_a_password(come: Come, base: str, pictures: Path) -> None:
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(new_room(base).host_link)
    await invitation(ana)
    dialog = ana.page.get_by_role("dialog")
    field = dialog.get_by_label("Invite link")
    copied = await dialog.get_by_role("button", name="Copy invitation").bounding_box()
    assert copied and copied["height"] < 50, "its words are in one line"
    await dialog.get_by_text("Link with a password or for the calendar").click()
    await dialog.get_by_label("Password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Make a link").click()
    await expect(field).to_have_value(SHORT)
    link = await field.input_value()
    mail = await dialog.get_by_role("link", name="Send by mail").get_attribute("href") or ""
    assert mail.startswith("mailto:?subject=Invitation%20to%20a%20meeting&body=")
    assert link in unquote(mail)
    await ana.page.screenshot(path=pictures / "invitation.png")
    await ana.page.evaluate(NO_CLIPBOARD)
    await dialog.get_by_role("button", name="Copy invitation").click()
    byhand = ana.page.get_by_role("dialog", name="Copy invitation")
    assert link in await byhand.get_by_role("textbox").evaluate(SELECTED)
    await ana.page.screenshot(path=pictures / "copy-by-hand.png")
    await ana.press("Escape")
    await expect(byhand).to_have_count(0)
    await ben.page.goto(link)
    await ben.page.get_by_label("Password").fill("a wrong guess")
    await ben.press("Enter")
    await ben.page.get_by_text("This is not the password.").wait_for()
    await ben.page.screenshot(path=pictures / "password.png")
    await ben.page.get_by_label("Password").fill(PASSWORD)
    await ben.press("Enter")
    await ben.button("Join now").wait_for()
    await ben.page.reload()  # who has given it is not asked again
    await ben.button("Join now").click()
    await ana.tile("Ben").wait_for()
    assert ben.page.url == link
    await dialog.get_by_text("Links of this meeting").click()
    await delete_link(ana)
    await dialog.get_by_text("There are no links yet.").wait_for()
    cem = await come("Cem")
    await cem.page.goto(link)
    await cem.page.get_by_role("heading", name="This link does not work").wait_for()
    for person in (ben, cem):  # the browser logs the refusals of the API
        person.trouble = [text for text in person.trouble if "the server responded with a status of 40" not in text]


async def test_a_link_is_made_once_it_is_wanted(come: Come, base: str) -> None:
    ana = await come("Ana", permissions=["clipboard-read", "clipboard-write"])
    room = new_room(base)
    await ana.join(room.host_link)
    await invitation(ana)
    dialog = ana.page.get_by_role("dialog")
    await dialog.get_by_text("Links of this meeting").click()
    await dialog.get_by_text("There are no links yet.").wait_for()
    assert invites(room) == []
    await dialog.get_by_role("button", name="Copy invitation").click()
    await ana.hears("Invitation copied.")
    (link,) = [here(invite["url"]) for invite in invites(room)]
    await expect(dialog.get_by_label("Invite link")).to_have_value(link)
    assert (await ana.page.evaluate("navigator.clipboard.readText()")).endswith(link)
    await delete_link(ana)
    await dialog.get_by_role("link", name="Send by mail").click()  # not the one that was deleted
    await expect(dialog.get_by_label("Invite link")).to_have_value(SHORT)
    await delete_link(ana)
    await dialog.get_by_role("button", name="Show link").click()
    await expect(dialog.get_by_label("Invite link")).to_be_focused()
    (invite,) = invites(room)
    await ana.page.reload()
    await ana.button("Join now").click()
    await invitation(ana)
    await expect(dialog.get_by_label("Invite link")).to_have_value(here(invite["url"]))  # and no other one is made


async def test_a_guest_who_was_removed_stays_out(come: Come, base: str) -> None:
    ana, ben = await come("Ana"), await come("Ben")
    room = new_room(base)
    await ana.join(room.host_link)
    invite = call("POST", f"{base}/v1/rooms/{room.id}/invites", {"role": "attendee"}, room.join_token)
    await ben.join(f"{room.link}#invite={invite['inviteToken']}")
    await ana.press("p")
    await ana.button("More for Ben").click()
    await ana.page.get_by_role("menuitem", name="Remove Ben").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    await ben.page.get_by_role("heading", name="You were removed").wait_for()
    for person in (ana, ben):  # the ban outlives the meeting
        await ben.page.reload()
        await ben.page.get_by_role("heading", name="You were removed").wait_for()
        if person is ana:
            await ana.leave_as_host()
    ben.trouble = [text for text in ben.trouble if "the server responded with a status of 401" not in text]


async def test_a_calendar_file(come: Come, base: str, tmp_path: Path) -> None:
    ana = await come("Ana")
    await ana.join(new_room(base).host_link)
    await invitation(ana)
    dialog = ana.page.get_by_role("dialog")
    await dialog.get_by_text("Link with a password or for the calendar").click()
    await dialog.get_by_label("Title").fill("Weekly, with cake")
    async with ana.page.expect_download() as downloading:
        await dialog.get_by_role("button", name="Download for the calendar").click()
    file = await downloading.value
    assert file.suggested_filename == "meeting.ics"
    await file.save_as(tmp_path / "meeting.ics")
    text = (tmp_path / "meeting.ics").read_bytes().decode()
    assert "\r\nSUMMARY:Weekly\\, with cake\r\n" in text
    link = await dialog.get_by_label("Invite link").input_value()
    assert f"\r\nURL:{link}\r\n" in text


async def test_no_calendar_file_has_a_link_that_is_not_good_any_more_by_then(come: Come, base: str) -> None:
    ana, room = await come("Ana"), new_room(base)
    then = datetime.now(UTC) + timedelta(days=31)
    call("PATCH", f"{base}/v1/rooms/{room.id}", {"scheduledFor": then.isoformat()}, room.join_token)
    await ana.join(room.host_link)
    await invitation(ana)
    dialog = ana.page.get_by_role("dialog")
    await dialog.get_by_text("Link with a password or for the calendar").click()
    await dialog.get_by_text("A link is valid for 30 days at most.").wait_for()
    calendar = dialog.get_by_role("button", name="Download for the calendar")
    await expect(calendar).to_be_hidden()
    await dialog.get_by_label("Begins at").fill(f"{then - timedelta(days=2):%Y-%m-%dT%H:%M}")
    await expect(calendar).to_be_visible()
    await expect(dialog.get_by_text("A link is valid for 30 days at most.")).to_be_hidden()
