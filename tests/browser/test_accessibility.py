"""Every screen passes axe-core's rules (WCAG 2.2 A and AA, best practice), in light and dark, and works by keyboard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Come
from tests.browser.films import Recordings, film, track
from tests.browser.person import Person, call, here, new_room
from tests.browser.test_chat import react

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
OPTIONS = "{ resultTypes: ['violations'], rules: { 'label-content-name-mismatch': { enabled: true } } }"
"""What voice control needs (WCAG 2.5.3), axe-core leaves out unless it is asked."""

SCREENS = ("start", "lobby", "meeting", "chat", "people", "menu", "settings", "shortcuts", "ended")


@pytest.mark.parametrize(
    ("scheme", "width", "height"),
    [
        ("light", 1280, 800),
        ("dark", 1280, 800),
        ("light", 1024, 640),
        ("light", 390, 844),
        ("dark", 844, 390),
        ("light", 320, 568),
    ],
)
async def test_no_violations(come: Come, base: str, scheme: str, width: int, height: int) -> None:
    room = new_room(base)
    ben = await come("Ben Ruiz")
    await ben.join(room.link)
    await ben.press("h")
    size = {"width": width, "height": height}
    ana = await come("Ana", viewport=size, color_scheme=scheme, reduced_motion="reduce")
    found = {}
    for screen in SCREENS:
        await show(ana, screen, room.host_link)
        found[screen] = await violations(ana.page)
    assert {screen: problems for screen, problems in found.items() if problems} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_violations_in_dialogs_and_at_the_door(come: Come, base: str, scheme: str) -> None:
    room = new_room(base, waitingRoom=True)
    ben = await come("Ben Ruiz")
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
    await ana.join(room.host_link)
    await ben.page.goto(room.link)
    await ben.button("Ask to join").click()
    await ana.hears("Ben Ruiz is waiting to join.")
    await ana.press("p")
    found = {"knocks": await violations(ana.page)}
    await ana.button("Let in Ben Ruiz").click()
    await ana.sees("Ben Ruiz")
    await ana.button("More for Ben Ruiz").click()
    found["member menu"] = await violations(ana.page)
    await ana.page.get_by_role("menuitem", name="Volume of Ben Ruiz").click()
    await ana.page.get_by_role("slider").wait_for()
    found["volume"] = await violations(ana.page)
    await ana.press("Escape")
    for item in ("Change layout", "Connection details", "Meeting control", "Invite"):
        await ana.button("More").click()
        await ana.page.get_by_role("menuitem", name=item).click()
        await ana.page.get_by_role("dialog").wait_for()
        if item == "Connection details":
            await ana.page.get_by_role("heading", name="Ben Ruiz").wait_for()
        found[item] = await violations(ana.page)
        await ana.press("Escape")
    path = f"{base}/v1/rooms/{room.id}/invites"
    invite = call("POST", path, {"role": "attendee", "password": "let me in"}, room.join_token)
    await ana.page.goto(here(invite["url"]))
    await ana.page.get_by_label("Password", exact=True).wait_for()
    found["password"] = await violations(ana.page)
    await ana.page.goto(f"{base}/test")
    await ana.button("Test the network").click()
    await ana.page.locator(".check-verdict .fine-print").wait_for()
    found["test"] = await violations(ana.page)
    ana.trouble.clear()  # the browser itself writes down that a password is needed
    assert {screen: problems for screen, problems in found.items() if problems} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_violations_where_things_are_recorded(come: Come, base: str, scheme: str) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ben = await come("Ben Ruiz")
    await ben.join(room.link)
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
    made = film(url=f"{base}/v1/files/none")
    progress = {"stage": "composing", "fraction": 0.4, "expectedAt": None}
    views = [film("recording"), film("processing", progress=progress), made, track(made, "Ben", url=made["url"])]
    await Recordings([*views, film("failed", error="It broke."), film("empty")]).serve(ana.context)
    found = {}
    for screen in ("recordings", "question", "recorded", "stop", "player", "layouts", "deletion"):
        await show_recording(ana, ben, screen, room.host_link)
        found[screen] = await violations(ana.page)
    assert {screen: problems for screen, problems in found.items() if problems} == {}
    ana.trouble.clear()  # the browser itself writes that there is no such film


async def show_recording(ana: Person, ben: Person, screen: str, link: str) -> None:
    match screen:
        case "recordings":
            await ana.page.goto(link)
            await ana.page.get_by_role("heading", name="Recordings").wait_for()
        case "question":
            await ana.page.get_by_role("button", name="Join now").click()
            await ana.tile("Ben Ruiz").wait_for()
            await ana.button("Record the meeting").click()
        case "recorded":
            await ana.button("Start recording").click()
            await ben.button("Don’t record me").click()
            await ana.tile("Ben Ruiz").get_by_text("not recorded").wait_for()
        case "stop":
            await ana.button("Stop recording").click()
        case "player":
            await ana.press("Escape")
            await ana.leave_as_host()
            await ana.button("Watch").click()
            await ana.page.get_by_role("alert").get_by_text("cannot be played").wait_for()
        case "layouts":
            await ana.button("Make another layout").first.click()
        case "deletion":
            await ana.press("Escape")
            await ana.button("Delete").first.click()


async def show(person: Person, screen: str, link: str) -> None:
    page = person.page
    match screen:
        case "start":
            await page.goto(link.split("/r/", maxsplit=1)[0])
        case "lobby":
            await page.goto(link)
            await page.get_by_role("heading", name="Ready to join?").wait_for()
        case "meeting":
            await page.get_by_role("button", name="Join now").click()
            await person.tile("Ben Ruiz").wait_for()
        case "chat":
            await person.press("c")
            await page.keyboard.type("Hello, see https://example.org")
            await person.press("Enter")
            await react(person, "Hello", "👏")
            await page.get_by_role("button", name="👏 1: You").wait_for()
        case "people":
            await person.button("People, 2").click()
        case "menu":
            await person.button("More").click()
        case "settings":
            await page.get_by_role("menuitem", name="Settings").click()
            await page.get_by_role("dialog").wait_for()
        case "shortcuts":
            await person.press("Escape")
            await person.press("?")
            await page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
        case "ended":
            await person.press("Escape")
            await person.button("Leave").click()
            await page.get_by_role("menuitem", name="Leave the meeting").click()
            await page.get_by_role("heading", name="You left the meeting").wait_for()


async def violations(page: Page) -> list[Any]:
    """What axe-core finds: the rule, and the elements."""
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(f"axe.run(document, {OPTIONS})")
    return [
        [v["id"], [node["html"][:150] + " — " + node["failureSummary"] for node in v["nodes"]]]
        for v in found["violations"]
    ]


async def test_a_meeting_by_keyboard_alone(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.page.goto(room.host_link)
    await ana.page.get_by_label("Your name").focus()
    await ana.press("Enter")
    await ana.button("Mute").wait_for()
    await ana.press("m")
    await ana.button("Unmute").wait_for()
    await ana.page.keyboard.down(" ")
    await ana.button("Mute").wait_for()
    await ana.page.keyboard.up(" ")
    await ana.button("Unmute").wait_for()
    await ana.press("v")
    await ana.button("Turn camera on").wait_for()
    await ana.press("c")
    await ana.page.keyboard.type("mvsp")
    await expect(ana.page.get_by_label("Message", exact=True)).to_have_value("mvsp")
    await expect(ana.button("Turn camera on")).to_be_visible()
    await ana.press("Escape")
    await expect(ana.button("Chat")).to_be_focused()
    await ana.press("?")
    await ana.page.get_by_role("checkbox", name="Use single-key shortcuts").press(" ")
    await ana.press("Escape")
    await ana.press("v")
    await expect(ana.button("Turn camera on")).to_be_visible()
    await ana.button("Leave").press("Enter")
    await ana.press("ArrowDown")
    await ana.press("ArrowUp")
    await ana.press("Enter")
    await ana.page.get_by_role("heading", name="You left the meeting").wait_for()
    await expect(ana.page.get_by_role("heading", name="You left the meeting")).to_be_focused()


async def test_what_happens_is_announced(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.link)
    live = ana.page.locator("#notices")
    await expect(live).to_have_attribute("aria-live", "polite")
    await ben.join(room.link)
    await ana.hears("Ben joined")
    await ben.leave()
    await ana.hears("Ben left")
