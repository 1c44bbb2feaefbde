"""Getting ready: new meeting, join by link, devices that are missing, links that are not good."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser import chromium
from tests.browser.chromium import COUNT_QUESTIONS, KEEP_TRACKS, LOSE
from tests.browser.conftest import Come
from tests.browser.person import SHORT, Person, call, here, new_room
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_new_meeting_and_a_guest_by_its_invite_link(come: Come, base: str) -> None:
    ana = await come("Ana", permissions=["clipboard-read", "clipboard-write"])
    await ana.page.goto(base)
    await ana.page.evaluate(COUNT_QUESTIONS)
    await ana.button("New meeting").click()
    await ana.page.get_by_label("Your name").fill("Ana María")
    await ana.page.locator(".mirror video").wait_for()
    assert await ana.page.evaluate("window.questions") == [["audio", "video"]]
    await ana.button("Join now").click()
    await ana.page.get_by_role("heading", name="You are the only one here").wait_for()
    await ana.page.get_by_role("main").get_by_role("button", name="Copy invite link").click()
    await ana.hears("Invite link copied.")
    link = await ana.page.evaluate("navigator.clipboard.readText()")
    assert SHORT.search(link)
    ben = await come("Ben")
    await ben.page.goto(base)
    await ben.page.get_by_label("Meeting link").fill(link)
    await ben.button("Join").click()
    await ben.page.get_by_role("button", name="Join now").click()
    await ana.hears("Ben joined")
    await ben.tile("Ana María").wait_for()
    await ana.page.reload()
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.tile("Ben").wait_for()
    await ana.press("p")
    await ana.page.get_by_text("You · Host").wait_for()


async def test_who_is_no_host_passes_on_the_link_that_they_came_by(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben", permissions=["clipboard-read", "clipboard-write"])
    invite = call("POST", f"{base}/v1/rooms/{room.id}/invites", {"role": "attendee"}, room.join_token)
    for link in (room.link, here(invite["url"])):
        await ben.join(link)
        await ben.press("i")
        await ben.hears("Invite link copied.")
        assert await ben.page.evaluate("navigator.clipboard.readText()") == link


async def test_what_was_chosen_is_kept(come: Come, base: str) -> None:
    ana = await come("Ana")
    room = new_room(base)
    await ana.page.goto(room.link)
    await ana.button("Turn microphone off").click()
    await ana.button("Turn camera off").click()
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.button("Unmute").wait_for()
    await ana.button("Turn camera on").wait_for()
    await ana.page.goto(room.link)
    await ana.button("Turn microphone on").wait_for()
    await ana.button("Turn camera on").wait_for()


async def test_spaces_alone_are_no_name(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(new_room(base).link)
    name = ana.page.get_by_label("Your name")
    await name.fill("   ")
    await ana.button("Join now").click()
    await expect(name).to_be_focused()
    assert await name.evaluate("(input) => input.validity.valueMissing")
    await name.fill("  Ana ")
    await ana.button("Join now").click()
    await ana.tile("Ana (you)").wait_for()


async def test_devices_are_named_and_tried_before_joining(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 720})
    await ana.page.goto(new_room(base).link)
    for words in ("Microphone", "Camera", "Video quality", "Background"):
        named = await ana.page.locator(".choice-label").get_by_text(words, exact=True).bounding_box()
        assert named and named["height"] > 10, words
    await ana.button("Play a test sound").click()
    await ana.page.get_by_text("If you hear nothing").wait_for()


async def test_a_host_token_does_not_stay_in_the_address(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    assert ana.page.url == room.link


async def test_joining_without_any_device(base: str) -> None:
    async with async_playwright() as playwright:
        path = "/usr/bin/chromium"
        arguments = [a for a in chromium.ARGUMENTS if "fake" not in a]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        await joins_without_media(browser, base, "No camera was found")
        await browser.close()


async def test_joining_when_devices_are_denied(base: str) -> None:
    async with async_playwright() as playwright:
        arguments = [a for a in chromium.ARGUMENTS if a != "--use-fake-ui-for-media-stream"]
        browser = await playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*arguments, "--deny-permission-prompts"]
        )
        await joins_without_media(browser, base, "Access to your")
        await browser.close()


async def joins_without_media(browser: Browser, base: str, words: str) -> None:
    ana = await Person.come(browser, "Ana")
    room = new_room(base)
    await ana.page.goto(room.link)
    await (
        ana.page.get_by_role("alert")
        .get_by_text(words)
        .or_(ana.page.get_by_role("alert").get_by_text("No microphone found"))
        .first.wait_for()
    )
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.tile("Ana (you)").get_by_role("img", name="Muted").wait_for()
    await ana.button("Unmute").click()
    await ana.page.locator("#notices").get_by_text("microphone").wait_for()


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("/r/00000000-0000-4000-8000-000000000000", "This meeting does not exist."),
        ("/r/{room}#invite=nonsense", "This link is invalid"),
        ("/r/{room}#token=nonsense", "This link is invalid"),
        ("/r/anything", "The address is mistyped"),
        ("/foo", "The address is mistyped"),
    ],
)
async def test_links_that_are_not_good(come: Come, base: str, link: str, words: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script(COUNT_QUESTIONS)
    await ana.page.goto(base + link.format(room=new_room(base).id))
    await ana.page.get_by_text(words).wait_for()
    await expect(ana.page.get_by_role("heading", level=1)).to_be_focused()
    assert await ana.page.evaluate("window.questions") == []
    ana.trouble.clear()  # the browser itself writes 401 and 404 to the console


async def test_a_full_meeting(come: Come, base: str) -> None:
    room = new_room(base, maxParticipants=1)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.page.goto(room.link)
    await ben.page.get_by_role("heading", name="The meeting is full").wait_for()
    ben.trouble.clear()
    await ana.page.goto(base)
    await ben.button("Try again").click()
    await ben.page.get_by_role("heading", name="Ready to join?").wait_for()


async def test_an_invite_that_was_revoked_or_used_up_and_a_guest_who_comes_back(come: Come, base: str) -> None:
    room = new_room(base)
    path = f"{base}/v1/rooms/{room.id}/invites"
    invite = call("POST", path, {"role": "attendee", "maxUses": 1}, room.join_token)
    link = f"{room.link}#invite={invite['inviteToken']}"
    ben, eva = await come("Ben"), await come("Eva")
    await ben.join(link)
    await eva.page.goto(link)
    await eva.page.get_by_text("You cannot join this meeting with this link.").wait_for()
    await ben.page.reload()
    await ben.page.get_by_role("heading", name="Ready to join?").wait_for()
    revoked = call("POST", path, {"role": "attendee"}, room.join_token)
    revoke = urllib.request.Request(f"{path}/{revoked['id']}", method="DELETE")
    revoke.add_header("Authorization", f"Bearer {room.join_token}")
    urllib.request.urlopen(revoke, timeout=20).close()
    await eva.page.goto(f"{room.link}#invite={revoked['inviteToken']}")
    await eva.page.get_by_role("heading", name="This link does not work").wait_for()
    eva.trouble.clear()


async def test_a_device_that_is_lost_is_said_at_once_with_the_way_back(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script(KEEP_TRACKS)
    await ana.page.goto(new_room(base).link)
    await ana.page.locator(".mirror video").wait_for()
    await ana.page.evaluate(LOSE, "audio")
    await ana.page.get_by_role("alert").get_by_text("Your microphone has stopped").wait_for()
    await ana.button("Turn microphone on").click()
    await expect(ana.page.get_by_role("alert")).to_be_hidden()
    await ana.button("Join now").click()
    for kind, off, on in (("audio", "Unmute", "Mute"), ("video", "Turn camera on", "Turn camera off")):
        await ana.button(on).wait_for()
        await ana.page.evaluate(LOSE, kind)
        await ana.button(off).wait_for()
        await ana.button("Turn on again").click()
        await ana.button(on).wait_for()
        await expect(ana.button("Turn on again")).to_have_count(0)


async def test_a_muted_microphone_that_is_lost_comes_back_muted(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script(KEEP_TRACKS)
    await ana.join(new_room(base).link)
    await ana.button("Mute").click()
    await ana.page.evaluate(LOSE, "audio")
    await ana.button("Turn on again").click()
    await expect(ana.button("Turn on again")).to_have_count(0)
    await ana.page.wait_for_function("() => window.opened.filter(({ kind }) => kind === 'audio').length === 2")
    await expect(ana.button("Unmute")).to_be_visible()
    assert await ana.page.evaluate("window.opened.at(-1).enabled") is False


async def test_nonsense_is_no_link(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(base)
    field = ana.page.get_by_label("Meeting link")
    await field.fill("hello")
    await ana.button("Join").click()
    assert "not a meeting link" in await field.evaluate("(input) => input.validationMessage")


async def test_every_file_of_the_page_is_served_and_none_comes_from_elsewhere(
    come: Come, base: str, server: servers.Tertulia
) -> None:
    ana = await come("Ana")
    asked: list[str] = []
    ana.page.on("request", lambda request: asked.append(request.url))
    await ana.join(new_room(base).link)
    assert {url.split("/")[2] for url in asked} == {f"localhost:{server.port}"}
    page = (Path(__file__).parents[2] / "python/tertulia/web/index.html").read_text()
    loaded = {url.split("/static/")[1] for url in asked if "/static/" in url}
    assert loaded >= set(re.findall(r'href="/static/([^"]+\.css)"', page))


async def test_devices_and_theme_in_the_settings(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 900, "height": 700})
    await ana.join(new_room(base).link)
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Settings").click()
    dialog = ana.page.get_by_role("dialog")
    await expect(dialog.get_by_label("Camera").locator("option")).not_to_have_count(1)
    assert await dialog.get_by_label("Your video").evaluate("(video) => video.srcObject.active")
    await expect(dialog.get_by_role("meter", name="Microphone level")).to_be_visible()
    await expect(dialog.get_by_role("button", name="Play a test sound")).to_be_visible()
    await dialog.get_by_label("Video quality").select_option("standard")
    await dialog.get_by_label("Appearance").select_option("dark")
    assert await ana.page.evaluate("document.documentElement.dataset.theme") == "dark"
    await ana.press("Escape")
    await expect(dialog).to_have_count(0)
