"""Meeting control in the page: who waits, who is let in, and what hosts allow."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import WebSocket, expect

from tests.browser.conftest import Come
from tests.browser.firefox import firefox
from tests.browser.person import PATIENCE, Person, call, new_room
from tests.browser.test_two_people import grows_beyond, meet
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(person: Person, link: str) -> None:
    """Asks to be let in."""
    await person.page.goto(link)
    await person.button("Ask to join").click()
    await person.page.get_by_text("Asking to be let in…").wait_for()


async def control(host: Person, *boxes: str) -> None:
    """The host clicks these boxes of the dialog."""
    await host.button("More").click()
    await host.page.get_by_role("menuitem", name="Meeting control").click()
    for words in boxes:
        await host.page.get_by_role("checkbox", name=words).click()
    await host.page.get_by_role("dialog").get_by_role("button", name="Close").click()


async def choose(host: Person, name: str, item: str) -> None:
    """The host chooses from the menu of a member."""
    await host.button(f"More for {name}").click()
    await host.page.get_by_role("menuitem", name=item).click()


async def test_who_knocks_is_let_in_or_not(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, eve = [await come(name) for name in ("Ana", "Ben", "Eve")]
    await ana.join(room.host_link)
    await ask(ben, room.link)
    await ana.hears("Ben is waiting to join.")
    await ana.page.locator("#notices").get_by_role("button", name="Let in").click()
    await ben.page.wait_for_selector(".meeting")
    await ana.sees("Ben")
    await ben.sees("Ana")
    await ask(eve, room.link)
    await ana.press("p")
    await ana.button("Deny Eve").click()
    await eve.page.get_by_text("The host did not let you in.").wait_for()
    await expect(ana.page.get_by_text("Waiting to join")).to_be_hidden()


async def test_who_was_denied_is_told_so_after_a_reload_too(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    invite = call("POST", f"{base}/v1/rooms/{room.id}/invites", {"role": "attendee"}, room.join_token)
    await ben.page.goto(f"{room.link}#invite={invite['inviteToken']}")
    await ben.button("Ask to join").click()
    await ana.press("p")
    await ana.button("Deny Ben").click()
    for again in ("Ask to join", "Try again"):
        await ben.page.get_by_text("The host did not let you in.").wait_for()
        await ben.button(again).click()
        await ben.page.get_by_text("The host did not let you in.").wait_for()
        await ben.page.reload()
    await ben.page.get_by_role("heading", name="You cannot join this meeting").wait_for()
    call("POST", f"{base}/v1/rooms/{room.id}/end", token=room.join_token)
    await ben.button("Try again").click()
    await ben.button("Ask to join").wait_for()
    ben.trouble = [text for text in ben.trouble if "the server responded with a status of 401" not in text]


async def test_who_waits_in_vain_is_told_why(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, tab = [await come(name) for name in ("Ana", "Ben", "Ben")]
    await ana.join(room.host_link)
    token = call("POST", f"{base}/v1/rooms/{room.id}/join", {"userId": str(uuid4()), "displayName": "Ben"})["token"]
    await ask(ben, f"{room.link}#token={token}")
    await ana.hears("Ben is waiting to join.")
    await ask(tab, f"{room.link}#token={token}")
    await ben.page.get_by_text("You opened this meeting in another tab").wait_for()
    await ben.button("Ask to join").click()
    await tab.page.get_by_text("You opened this meeting in another tab").wait_for()
    call("POST", f"{base}/v1/rooms/{room.id}/end", token=room.join_token)
    await ben.page.get_by_text("The meeting ended before you were let in.").wait_for()


async def test_who_waits_may_go_and_all_come_in_without_a_waiting_room(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, eve = [await come(name) for name in ("Ana", "Ben", "Eve")]
    await ask(ben, room.link)
    await ask(eve, room.link)
    await ana.join(room.host_link)
    await ana.hears("2 people are waiting to join.")
    await expect(ben.button("Stop waiting")).to_be_focused()
    await expect(ben.button("Test your connection")).to_be_hidden()
    await ben.button("Stop waiting").click()
    await ana.hears("Eve is waiting to join.")
    await expect(ben.button("Ask to join")).to_be_focused()
    await expect(ben.button("Test your connection")).to_be_visible()
    await expect(ben.page.locator(".welcome .trouble")).to_be_hidden()
    await control(ana, "Let people wait until a host lets them in")
    await eve.page.wait_for_selector(".meeting")
    await ana.sees_tiles(2)


async def test_who_waits_keeps_their_place_when_they_come_back_to_the_page(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ben, sent, is_closed = await come("Ben"), list[str](), asyncio.Event()

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(json.loads(frame)["event"]))
        socket.on("close", lambda _: is_closed.set())

    ben.page.on("websocket", listen)
    await ask(ben, room.link)
    await ben.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await until(lambda: "KeepAlive" in sent)
    await ben.button("Stop waiting").click()
    await asyncio.wait_for(is_closed.wait(), PATIENCE / 1000)
    assert sent.count("JoinRoom") == 1


async def test_a_knock_changes_nothing_under_the_pointer_or_the_focus(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, eve = [await come(name) for name in ("Ana", "Ben", "Eve")]
    await ana.join(room.host_link)
    await ana.press("p")
    await ask(ben, room.link)
    notices = ana.page.locator("#notices")
    let_in = await notices.get_by_role("button", name="Let in").element_handle()
    await ana.button("Deny Ben").focus()
    await ask(eve, room.link)
    await ana.hears("2 people are waiting to join.")
    await expect(ana.button("Deny Ben")).to_be_focused()
    assert let_in is not None
    await let_in.click()
    await ben.page.wait_for_selector(".meeting")
    await ana.hears("Eve is waiting to join.")
    await expect(notices.get_by_role("button", name="Let in")).to_have_count(0)
    await expect(notices.get_by_role("button", name="Show")).to_have_count(1)


async def test_by_keyboard_the_focus_stays_near_when_what_has_it_goes(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, eve, zoe, joe = [await come(name) for name in ("Ana", "Ben", "Eve", "Zoe", "Joe")]
    await ana.join(room.host_link)
    await ana.press("p")
    for person in (ben, eve, zoe):
        await ask(person, room.link)
    await ana.button("Deny Ben").focus()
    await ana.press("Enter")
    await expect(ana.button("Deny Eve")).to_be_focused()
    await ana.press("Tab")
    await ana.press("Enter")
    await expect(ana.button("Let in Zoe")).to_be_focused()
    await ana.press("Enter")
    await expect(ana.button("Close people")).to_be_focused()
    await zoe.page.wait_for_selector(".meeting")
    await ana.button("More for Eve").press("Enter")
    await ana.press("End")
    await ana.press("Enter")
    await ana.page.get_by_role("dialog").get_by_role("button", name="Remove").press("Enter")
    await expect(ana.button("More for Zoe")).to_be_focused()
    await ask(joe, room.link)
    await ana.button("Mute").focus()
    await ana.page.locator("#notices").get_by_role("button", name="Let in").press("Enter")
    await expect(ana.button("Mute")).to_be_focused()


async def test_a_key_meant_for_somebody_who_goes_does_nothing_to_another(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, eve, zoe = [await come(name) for name in ("Ana", "Ben", "Eve", "Zoe")]
    await ana.join(room.host_link)
    await ana.press("p")
    for person in (ben, eve, zoe):
        await ask(person, room.link)
    await ana.button("Deny Zoe").wait_for()
    await ana.button("Deny Ben").focus()
    await ben.button("Stop waiting").click()
    await expect(ana.button("Close people")).to_be_focused()
    await ana.button("Deny Eve").focus()
    await ana.page.keyboard.down("Enter")
    await expect(ana.button("Deny Zoe")).to_be_focused()
    async with ana.clicks_nothing():
        await ana.page.keyboard.down("Enter")  # it is held
        await ana.page.keyboard.up("Enter")
    await expect(zoe.page.get_by_text("Asking to be let in…")).to_be_visible()
    await expect(ana.button("Deny Zoe")).to_be_focused()


async def test_the_focus_comes_back_to_a_row_that_has_changed(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.press("p")
    await ana.button("Mute Ben").focus()
    await ben.press("m")
    await expect(ana.page.locator(".people-list").get_by_role("button", name="Pin Ben")).to_be_focused()
    more = ana.button("More for Ben")
    await more.press("Enter")
    await ben.press("h")
    await ana.page.locator(".people-list .raised").wait_for()
    await ana.press("Escape")
    await expect(more).to_be_focused()
    await choose(ana, "Ben", "Remove Ben")
    await ben.press("h")
    await expect(ana.page.locator(".people-list .raised")).to_have_count(0)
    await rename(ben, "Benjamin")
    await ana.page.locator(".people-list").get_by_text("Benjamin").wait_for()
    await ana.press("Escape")
    await expect(ana.button("More for Benjamin")).to_be_focused()


async def test_what_is_open_about_somebody_who_leaves_closes_and_the_focus_goes_on(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben, eve, zoe = [await come(name) for name in ("Ana", "Ben", "Eve", "Zoe")]
    await ana.join(room.host_link)
    for person in (ben, eve, zoe):
        await person.join(room.link)
    await ana.press("p")
    await ana.button("More for Ben").press("Enter")
    await expect(ana.page.locator("#member-menu")).to_be_visible()
    await ben.leave()
    await expect(ana.page.locator("#member-menu")).to_be_hidden()
    await expect(ana.button("More for Eve")).to_be_focused()
    await choose(ana, "Eve", "Remove Eve")
    dialog = ana.page.get_by_role("dialog")
    await dialog.wait_for()
    await eve.leave()
    await expect(dialog).to_have_count(0)
    await expect(ana.button("More for Zoe")).to_be_focused()
    await ana.tile("Zoe").get_by_role("button", name="Volume of Zoe").press("Enter")
    await dialog.wait_for()
    await zoe.leave()
    await expect(dialog).to_have_count(0)
    await expect(ana.page.get_by_role("region", name="Participants")).to_be_focused()


async def test_the_focus_follows_a_notice_into_the_one_that_replaces_it(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, *others = [await come(name) for name in ("Ana", "Ben", "Eve", "Zoe")]
    await ana.join(room.host_link)
    show = ana.page.locator("#notices").get_by_role("button", name="Show")
    for count, person in enumerate(others, 1):
        await ask(person, room.link)
        if count == 2:
            await ana.button("Mute").focus()
            await show.focus()
    await ana.hears("3 people are waiting to join.")
    await expect(show).to_be_focused()
    await ana.press("Enter")
    await ana.button("Close people").wait_for()
    await expect(ana.button("Mute")).to_be_visible()


async def test_letting_everyone_in_by_keyboard_leaves_the_focus_in_the_panel(come: Come, base: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana, ben, eve = [await come(name) for name in ("Ana", "Ben", "Eve")]
    await ana.join(room.host_link)
    await ana.press("p")
    for person in (ben, eve):
        await ask(person, room.link)
    await ana.button("Let everyone in").press("Enter")
    await expect(ana.button("Close people")).to_be_focused()


async def test_a_locked_meeting_says_so_before_the_lobby(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await control(ana, "Lock the meeting: nobody else joins")
    await ben.page.goto(room.link)
    await ben.page.get_by_role("heading", name="The meeting is locked").wait_for()
    ben.trouble.clear()  # the browser writes down that the link was refused


async def test_what_only_hosts_may(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await control(ana, "Unmute themselves", "Write to everyone", "Share their screen")
    await ben.hears("The host has muted you. Raise your hand to speak.")
    await ana.tile("Ben").get_by_role("img", name="Muted").wait_for()
    await ben.button("Unmute").click()
    await ben.hears("The host has muted everyone. Raise your hand to speak.")
    await ben.press("s")
    await ben.hears("Only hosts can share their screen.")
    await ben.press("c")
    await expect(ben.page.get_by_label("Message", exact=True)).to_be_disabled()
    await ben.press("h")
    await ana.press("p")
    await choose(ana, "Ben", "Let them unmute")
    await ben.hears("You can unmute yourself now.")
    await choose(ana, "Ben", "Lower their hand")
    await expect(ana.tile("Ben").get_by_role("img", name="Hand raised")).to_have_count(0)
    await ben.button("Unmute").click()
    await expect(ana.tile("Ben").get_by_role("img", name="Muted")).to_have_count(0)


async def test_a_stopped_video_stays_off(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.sees("Ben")
    await ana.press("p")
    await choose(ana, "Ben", "Stop their video")
    await ben.hears("The host has stopped your video.")
    await expect(ana.tile("Ben")).not_to_contain_class("has-picture")
    await ben.button("Turn camera on").click()
    await expect(ben.button("Turn camera on")).to_be_visible()
    await choose(ana, "Ben", "Let them show video")
    await ben.hears("You can turn your camera on again.")
    await ben.button("Turn camera on").click()
    await ana.sees("Ben")


async def rename(person: Person, name: str) -> None:
    """Changes their name in the list of people."""
    await person.press("p")
    await choose(person, person.name, "Change your name")
    dialog = person.page.get_by_role("dialog", name="Change your name")
    await dialog.get_by_label("Your name").fill(name)
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)


async def test_another_name_is_seen_by_all_and_kept(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ben.press("c")
    await ben.page.get_by_label("Message", exact=True).fill("before")
    await ben.press("Enter")
    await ben.button("Close chat").click()
    await rename(ben, "Benjamin")
    await ana.tile("Benjamin").wait_for()
    await ben.tile("Benjamin (you)").wait_for()
    await ana.press("c")
    await expect(ana.page.locator(".messages")).to_contain_text("Ben")
    await expect(ana.page.locator(".messages")).not_to_contain_text("Benjamin")
    await ben.page.reload()
    await expect(ben.page.get_by_label("Your name")).to_have_value("Benjamin")
    await ana.press("Escape")
    await ana.press("p")
    await choose(ana, "Ana", "Change your name")
    await ana.page.get_by_role("dialog").get_by_label("Your name").fill("Ana B.")
    await ana.press("Enter")
    await ana.tile("Ana B. (you)").wait_for()


async def test_a_co_host_and_the_spotlight(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ben.page.set_viewport_size({"width": 1280, "height": 800})
    await ana.press("p")
    await choose(ana, "Ben", "Make co-host")
    await ana.page.get_by_role("dialog").get_by_role("button", name="Make co-host").click()
    await ben.hears("You are a co-host now.")
    await ben.press("p")
    await choose(ben, "Ana", "Spotlight for everyone")
    await ana.hears("You are in the spotlight: everyone sees you large.")
    await grows_beyond(ben.tile("Ana"), ben.tile("Ben (you)"))
    await ben.button("More").click()
    await ben.page.get_by_role("menuitem", name="Meeting control").click()
    await ben.page.get_by_role("dialog", name="Meeting control").wait_for()
    await choose(ana, "Ben", "Take co-host away")
    await ben.hears("You are no longer a co-host.")
    await expect(ben.page.get_by_role("dialog")).to_have_count(0)
    await expect(ben.button("Mute all")).to_be_hidden()


async def test_people_join_muted_where_the_room_says_so(come: Come, base: str) -> None:
    room = new_room(base, muteOnEntry=True)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.join(room.link)
    await ben.hears("You joined muted. You can unmute yourself.")
    await ben.button("Unmute").click()
    await expect(ana.tile("Ben").get_by_role("img", name="Muted")).to_have_count(0)


async def test_who_joins_where_only_hosts_may_unmute_is_told_so(come: Come, base: str) -> None:
    room = new_room(base, unmute="host", muteOnEntry=True)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.join(room.link)
    await ben.hears("The host has muted everyone. Raise your hand to speak.")
    assert "You can unmute yourself" not in await ben.page.locator("#notices").inner_text()


async def test_firefox_waits_and_is_let_in(come: Come, base: str, tmp_path: Path) -> None:
    room = new_room(base, waitingRoom=True)
    ana = await come("Ana")
    await ana.join(room.host_link)
    async with firefox(tmp_path) as page:
        await page.goto(room.link)
        await page.until('document.querySelector(".ready button")')
        await page.evaluate(
            """(() => { const name = document.querySelector("input[name=name]");
            name.value = "Ben"; document.querySelector(".ready").requestSubmit(); })()"""
        )
        await page.until('document.querySelector(".asking:not([hidden])")')
        await ana.hears("Ben is waiting to join.")
        await ana.page.locator("#notices").get_by_role("button", name="Let in").click()
        await page.until('document.querySelector(".meeting")')
        await ana.decodes(1)
        members = call("GET", f"{base}/v1/rooms/{room.id}/participants", token=room.join_token)
        assert {member["displayName"] for member in members} == {"Ana", "Ben"}


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_the_name_of_who_knocks_is_read_whole(come: Come, base: str, language: str) -> None:
    room = new_room(base, waitingRoom=True)
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, locale=language)
    ben = await come("Ben Okafor")
    await ana.page.goto(room.host_link)
    await ana.page.locator(".ready button").click()
    await ana.page.locator(".meeting").wait_for()
    await ana.press("p")
    await ask(ben, room.link)
    name = ana.page.locator(".knocks .name")
    await expect(name).to_have_text("Ben Okafor")
    assert await name.evaluate("(name) => name.scrollWidth <= name.clientWidth + 1")
    for button in await ana.page.locator(".knocks .answers button").all():
        await expect(button).to_be_in_viewport(ratio=1)
