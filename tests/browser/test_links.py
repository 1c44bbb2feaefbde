"""Short links as people see them: made in the meeting, asked for a password, deleted; mails and calendar files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import SHORT, Person, call, new_room
from tests.browser.test_chat import NO_CLIPBOARD, SELECTED

pytestmark = pytest.mark.asyncio(loop_scope="session")

PASSWORD = "correct horse"


async def invitation(person: Person) -> None:
    await person.page.get_by_role("button", name="More", exact=True).click()
    await person.page.get_by_role("menuitem", name="Invite people").click()


async def test_a_link_with_a_password(come: Come, base: str, pictures: Path) -> None:
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(new_room(base).host_link)
    await invitation(ana)
    dialog = ana.page.get_by_role("dialog")
    field = dialog.get_by_label("Invite link")
    await expect(field).to_have_value(SHORT)
    without = await field.input_value()
    await ana.press("Escape")
    await ana.page.reload()
    await ana.button("Join now").click()
    await invitation(ana)
    await expect(field).to_have_value(without)  # and no other link was made
    await dialog.get_by_text("Link with a password or for the calendar").click()
    await dialog.get_by_label("Password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Make a link").click()
    await expect(field).not_to_have_value(without)
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
    delete = dialog.get_by_role("button", name="Delete this link")
    for left in (1, 0):
        await delete.first.click()
        await ana.page.get_by_role("dialog", name="Delete this link?").get_by_role("button", name="Delete").click()
        await expect(delete).to_have_count(left)
    await dialog.get_by_text("There are no links yet.").wait_for()
    cem = await come("Cem")
    await cem.page.goto(link)
    await cem.page.get_by_role("heading", name="This link does not work").wait_for()
    for person in (ben, cem):  # the browser logs the refusals of the API
        person.trouble = [text for text in person.trouble if "the server responded with a status of 40" not in text]


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
