"""Getting ready: new meeting, join by link, devices that are missing, links that are not good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser import chromium
from tests.browser.conftest import Come
from tests.browser.person import Person, new_room
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_new_meeting_and_a_guest_by_its_invite_link(come: Come, base: str) -> None:
    ana = await come("Ana", permissions=["clipboard-read", "clipboard-write"])
    await ana.page.goto(base)
    await ana.page.get_by_label("Your name").fill("Ana María")
    await ana.button("New meeting").click()
    await ana.page.get_by_role("heading", name="You are the only one here").wait_for()
    await ana.page.get_by_role("main").get_by_role("button", name="Copy invite link").click()
    await ana.hears("Invite link copied.")
    link = await ana.page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"{base}/r/[0-9a-f-]{{36}}", link)
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
    ],
)
async def test_links_that_are_not_good(come: Come, base: str, link: str, words: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(base + link.format(room=new_room(base).id))
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.page.get_by_role("alert").get_by_text(words).wait_for()
    ana.trouble.clear()  # the browser itself writes 401 and 404 to the console


async def test_a_full_meeting(come: Come, base: str) -> None:
    room = new_room(base, maxParticipants=1)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.page.goto(room.link)
    await ben.page.get_by_role("button", name="Join now").click()
    await ben.page.get_by_role("alert").get_by_text("The meeting is full.").wait_for()
    ben.trouble.clear()


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
    web = Path(__file__).parents[2] / "python/tertulia/web/static"
    loaded = {url.split("/static/")[1] for url in asked if "/static/" in url}
    assert loaded >= {str(path.relative_to(web)) for path in web.rglob("*.css")}


async def test_devices_and_theme_in_the_settings(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 900, "height": 700})
    await ana.join(new_room(base).link)
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Settings").click()
    dialog = ana.page.get_by_role("dialog")
    await expect(dialog.get_by_label("Camera").locator("option")).not_to_have_count(1)
    await dialog.get_by_label("Video quality").select_option("standard")
    await dialog.get_by_label("Appearance").select_option("dark")
    assert await ana.page.evaluate("document.documentElement.dataset.theme") == "dark"
    await ana.press("Escape")
    await expect(dialog).to_have_count(0)
