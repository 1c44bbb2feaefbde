"""The screens of the page, one after the other, for :mod:`tests.browser.tour`."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Route, expect

from tests.browser.chromium import KEEP_TRACKS, LOSE
from tests.browser.films import Recordings, film, make_film
from tests.browser.person import Person, Room, call, here, new_room
from tests.browser.proxy import Proxy
from tests.browser.test_network import RELAY_ONLY

_BLOCK: Final = """navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException("", "NotAllowedError");
};"""


async def before(person: Person, base: str, room: Room) -> AsyncIterator[str]:
    """Goes through the page until somebody is in a meeting; the name of each screen while it is shown."""
    page = person.page
    await page.goto(base)
    await page.locator(".home .primary").wait_for()
    yield "home"
    await page.goto(f"{base}/r/nowhere")
    await page.locator(".ended h1").wait_for()
    yield "lost"
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await page.locator(".level .lit").first.wait_for()
    yield "lobby"
    await page.locator(".to-test").click()
    await page.locator(".check .level .lit").first.wait_for()
    yield "check"
    await page.locator(".check-actions .primary").click()
    await page.locator(".check-verdict .fine-print").wait_for()
    yield "check-results"
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await page.locator(".ready button").click()
    await page.locator(".meeting").wait_for()
    yield "alone"


async def sharing(ana: Person, ben: Person) -> AsyncIterator[str]:
    """The same of one screen that is shared, and of two."""
    screens = ana.page.locator(".tile.screen.has-picture")
    for person, count, name in ((ana, 1, "own-screen"), (ben, 2, "two-screens")):
        await person.press("s")
        await expect(screens).to_have_count(count)
        yield name
    for person in (ana, ben):
        await person.press("s")
    await expect(screens).to_have_count(0)


async def at_the_door(ana: Person, ben: Person, base: str, proxy: Proxy) -> AsyncIterator[tuple[Person, str]]:
    """The way into a meeting where a host lets people in, and what may go wrong in it: whose screen, and its name."""
    room = new_room(base, waitingRoom=True)
    invite = call(
        "POST", f"{base}/v1/rooms/{room.id}/invites", {"role": "attendee", "password": "secret"}, room.join_token
    )
    await ben.page.goto(here(invite["url"]))
    await ben.page.locator(".password-form").wait_for()
    yield ben, "password"
    for status, code in ((409, "room_full"), (403, "room_locked"), (401, "unauthorized")):
        answer = {"code": code, "message": ""}
        await ben.page.route("**/v1/rooms/*/entry*", partial(_answer, status, answer))
        await ben.page.goto(room.link)
        await ben.page.locator(".ended h1").wait_for()
        yield ben, f"refused-{code}"
        await ben.page.unroute("**/v1/rooms/*/entry*")
        await ben.page.goto("about:blank")
    await ana.page.goto(room.host_link)
    await ana.page.locator(".ready button").click()
    await ana.page.locator(".meeting").wait_for()
    await ben.page.goto(f"http://localhost:{proxy.port}/r/{room.id}")
    await ben.page.locator(".ready button").click()
    await ben.page.locator(".asking button").wait_for()
    yield ben, "asking"
    await ana.page.locator(".notice.stays").wait_for()
    yield ana, "knock"
    await ana.press("p")
    yield ana, "knock-in-list"
    await ana.page.locator(".knocks .secondary").click()
    await ben.page.locator(".ready .primary").wait_for()
    yield ben, "denied"
    await ben.page.evaluate("localStorage.removeItem('tertulia.user')")  # who comes now is somebody else
    await ben.page.reload()
    await ben.page.locator(".ready .primary").click()
    await ana.page.locator(".knocks .primary").click()
    await ben.page.locator(".tile.has-picture").nth(1).wait_for()
    proxy.cut()
    await ben.page.locator(".banner").wait_for()
    yield ben, "reconnecting"
    await ben.press("c")
    await ben.page.keyboard.type("Can you hear me?")
    await ben.press("Enter")
    await ben.page.locator(".unsent:not(.is-sending)").wait_for()
    yield ben, "unsent"
    proxy.mend()
    await ben.page.locator(".banner").wait_for(state="hidden")
    await ana.page.locator("[data-act=more]").last.click()
    await ana.page.locator("[data-action=remove]").click()
    await ana.page.locator("dialog .danger").click()
    await ben.page.locator(".ended h1").wait_for()
    yield ben, "removed"


async def _answer(status: int, body: dict[str, Any], route: Route) -> None:
    await route.fulfill(status=status, json=body)


async def blocked(eva: Person, base: str) -> AsyncIterator[str]:
    """The same of somebody whom no media reaches, until the meeting is over."""
    room = new_room(base)
    await eva.page.add_init_script(RELAY_ONLY)
    await eva.page.goto(room.link)
    await eva.page.locator(".ready button").click()
    await eva.page.locator(".banner .text-button").wait_for()
    yield "blocked"
    await eva.page.locator(".banner .text-button").click()
    yield "blocked-help"
    call("POST", f"{base}/v1/rooms/{room.id}/end", {}, room.join_token)
    await eva.page.locator(".ended h1").wait_for()
    yield "over"


async def in_company(person: Person) -> AsyncIterator[str]:
    """The same of a meeting with others, until one has left it."""
    page = person.page
    await page.locator(".tile.has-picture").nth(1).wait_for()
    yield "meeting"
    for key, name in (("c", "chat"), ("p", "people"), ("?", "shortcuts")):
        await page.keyboard.press(key)
        if name == "chat":
            await page.keyboard.type("https://example.org/minutes, please read")
            await page.keyboard.press("Enter")
            await page.locator(".messages li").first.wait_for()
        yield name
        if name == "chat":
            await page.locator(".message-more").first.click()
            yield "message-menu"
            await page.locator(".message-menu .emoji-row button").first.click()
            await page.locator(".reaction").first.wait_for()
            yield "chat-reaction"
        if name == "people":
            await page.locator("[data-act=more]").first.click()
            await page.locator("[data-action=rename]").click()
            yield "rename"
            await page.keyboard.press("Escape")
            await page.locator("[data-act=more]").last.click()
            yield "member-menu"
            await page.locator("[data-action=volume]").click()
            await page.locator("dialog input[type=range]").wait_for()
            yield "volume"
            await page.keyboard.press("Escape")
        await page.keyboard.press("Escape")
    for selector, name in ((".control.more", "menu"), ("[data-command=react]", "reactions"), (".hang-up", "leave")):
        await page.locator(selector).click()
        yield name
        await page.keyboard.press("Escape")
    for action in ("settings", "layout", "details", "rules", "invitation"):
        await page.locator(".control.more").click()
        await page.locator(f"[data-action={action}]").click()
        await page.locator("dialog").wait_for()
        if action == "invitation":
            await page.locator(".links-section summary").first.click()
        if action == "details":
            await page.locator(".details section dd").nth(3).wait_for()
        yield action
        await page.keyboard.press("Escape")
    await page.locator(".tile.person").first.dblclick()
    yield "pinned"
    await page.locator(".hang-up").click()
    await page.locator("[data-action=leave]").click()
    await page.locator(".ended h1").wait_for()
    yield "ended"


async def managing(person: Person, base: str, room: Room) -> AsyncIterator[str]:
    """The same of the page of meetings, while somebody is in one."""
    page = person.page
    call("PATCH", f"{base}/v1/rooms/{room.id}", {"title": "Weekly, with cake", "scheduledFor": "2030-05-06T07:00:00Z"})
    call("POST", f"{base}/v1/rooms/{room.id}/invites", {"role": "attendee", "password": "secret", "maxUses": 5})
    for at, ready, name in (
        ("", ".card", "meetings"),
        ("#nodes", ".node", "meetings-nodes"),
        (f"#{room.id}", ".part .links li", "meetings-room"),
    ):
        await page.goto(f"{base}/meetings{at}")
        await page.locator(ready).first.wait_for()
        yield name
    for selector, name in ((".part-actions button", "meetings-link"), (".room-actions .secondary", "meetings-form")):
        await page.locator(selector).first.click()
        await page.locator("dialog").wait_for()
        yield name
        await page.keyboard.press("Escape")
    await page.route("**/v1/rooms", lambda route: route.fulfill(status=401, json={"code": "unauthorized"}))
    await page.goto(f"{base}/meetings")
    await page.reload()
    await page.locator(".key-form").wait_for()
    yield "meetings-key"
    offer = {"isOffered": True, "asksForOrganisation": True, "isSignedIn": False}
    await page.route("**/sign-in/offer", partial(_answer, 200, offer))
    await page.goto(f"{base}/meetings?sign-in=denied")
    await page.locator(".or").wait_for()
    yield "meetings-sign-in"


async def recorded(ana: Person, base: str) -> AsyncIterator[str]:
    """The same of a meeting that is recorded, and of what there is of earlier ones."""
    room = new_room(base, isRecordingEnabled=True)
    with tempfile.TemporaryDirectory() as directory:
        await Recordings(_films(base), files={"film.mp4": make_film(Path(directory) / "film.mp4")}).serve(ana.context)
        await ana.page.goto(room.host_link)
        await ana.page.locator(".film").last.scroll_into_view_if_needed()
        yield "recordings"
        buttons = ana.page.locator(".film:has(a:visible) .film-actions button:visible")
        await buttons.first.click()
        await ana.page.locator(".player video").evaluate("(video) => video.play()")
        await ana.page.wait_for_function("() => document.querySelector('.player video').currentTime > 1")
        await ana.page.locator(".player video").evaluate("(video) => video.pause()")
        yield "player"
        await buttons.first.click()
        for place, name in ((-2, "recording-layouts"), (-1, "recording-deletion")):
            await buttons.nth(place).click()
            await ana.page.locator("dialog").wait_for()
            yield name
            await ana.page.keyboard.press("Escape")
    await ana.page.locator(".ready button").click()
    record = ana.page.locator("[data-command=record]")
    for name in ("record", "record-stop"):
        await record.click()
        await ana.page.locator("dialog").wait_for()
        yield name
        await ana.page.locator("dialog .dialog-actions button").last.click()
        await expect(ana.page.locator(".recording")).to_be_visible(visible=name == "record")
        if name == "record":
            yield "recorded"


def _films(base: str) -> list[dict[str, Any]]:
    progress = {"stage": "composing", "fraction": 0.43, "expectedAt": "2026-11-28T20:31:00Z"}
    made = film(url=f"{base}/v1/files/film.mp4?expires=4102444800&signature=good")
    broken = film("failed", error="There is no picture in it.")
    return [film("recording"), film("processing", progress=progress), made, broken, film("empty")]


async def without_devices(eva: Person, base: str) -> AsyncIterator[str]:
    """The same of somebody whose devices are lost, then blocked; and who joins a second time."""
    room = new_room(base)
    await eva.page.add_init_script(KEEP_TRACKS)
    await eva.page.goto(room.host_link)
    await eva.page.locator(".mirror video").wait_for()
    for kind in ("audio", "video"):
        await eva.page.evaluate(LOSE, kind)
    await eva.page.locator(".welcome .trouble, .preview .trouble").locator("visible=true").first.wait_for()
    yield "lobby-lost"
    await eva.page.locator(".ready button").click()
    await eva.page.locator(".meeting").wait_for()
    again = await Person.open(eva.context, "Eva")
    await again.page.add_init_script(_BLOCK)
    await again.page.goto(room.host_link)
    await again.page.locator(".trouble").locator("visible=true").first.wait_for()
    await again.page.locator(".ready button").click()
    await eva.page.locator(".ended h1").wait_for()
    yield "replaced"
    await eva.page.add_init_script(_BLOCK)
    await eva.page.goto("about:blank")
    await eva.page.goto(room.link)
    await eva.page.locator(".trouble").locator("visible=true").first.wait_for()
    yield "lobby-blocked"
