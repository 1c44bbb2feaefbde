"""Pictures of every screen of the page, in four sizes and two themes, to be looked at: ``make pictures``.

Each screen's pictures are put together on one sheet, ``.build/pictures/sheets/{language}/{screen}.png``.

usage: python -m tests.browser.tour [language …]
"""

from __future__ import annotations

import asyncio
import base64
import sys
import tempfile
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from tests.browser import chromium
from tests.browser.person import PATIENCE, Person, Room, call, new_room
from tests.browser.proxy import Proxy
from tests.browser.test_network import RELAY_ONLY
from tests.integration import servers

SIZES: Final = ((1280, 800), (1024, 640), (390, 844), (844, 390))
THEMES: Final = ("light", "dark")
ROOT: Final = Path(__file__).parents[2]
_HEIGHT: Final = 400
"""Of each picture on a sheet."""
FOLDED: Final = 640
"""Up to this width the lobby's choices are folded."""
_FOLD: Final = "(folded) => document.querySelectorAll('details.devices').forEach((one) => { one.open = !folded; })"
_SHEET: Final = """<body style="margin:0;display:flex;flex-wrap:wrap;gap:12px;width:2400px;background:#777">{}</body>"""


async def screens(person: Person, base: str, room: Room) -> AsyncIterator[str]:
    """Goes through the page; the name of each screen while it is shown."""
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
        await expect(screens).to_have_count(count, timeout=PATIENCE)
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
    await ben.page.goto(invite["url"].replace("127.0.0.1", "localhost"))
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
    await ana.page.locator(".knocks .primary").click()
    await ben.page.locator(".tile.has-picture").nth(1).wait_for()
    proxy.cut()
    await ben.page.locator(".banner").wait_for()
    yield ben, "reconnecting"
    await ben.press("c")
    await ben.page.keyboard.type("Can you hear me?")
    await ben.press("Enter")
    await ben.page.locator(".unsent").wait_for()
    yield ben, "unsent"
    proxy.mend()
    await ben.page.locator(".banner").wait_for(state="hidden")
    await ana.page.locator("[data-act^=more]").last.click()
    await ana.page.locator("[data-action=remove]").click()
    await ana.page.locator("dialog .danger").click()
    await ben.page.locator(".ended h1").wait_for()
    yield ben, "removed"


async def _answer(status: int, body: dict[str, str], route: Route) -> None:
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
        if name == "people":
            await page.locator("[data-act^=more]").first.click()
            await page.locator("[data-action=rename]").click()
            yield "rename"
        await page.keyboard.press("Escape")
    for selector, name in ((".control.more", "menu"), (".hang-up", "leave")):
        await page.locator(selector).click()
        yield name
        await page.keyboard.press("Escape")
    for action in ("settings", "layout", "details", "rules", "invitation"):
        await page.locator(".control.more").click()
        await page.locator(f"[data-action={action}]").click()
        await page.locator("dialog").wait_for()
        if action == "invitation":
            await page.locator(".links-section summary").first.click()
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


async def tour(browser: Browser, port: int, language: str) -> None:
    """Take the pictures in one language."""
    base = f"http://localhost:{port}"
    directory = ROOT / ".build/pictures/sheets" / language
    directory.mkdir(parents=True, exist_ok=True)
    room = new_room(base, isRecordingEnabled=True)
    contexts: list[BrowserContext] = []

    async def come(name: str) -> Person:
        contexts.append(await chromium.new_context(browser, {"name": name}, locale=language, reduced_motion="reduce"))
        return await Person.open(contexts[-1], name)

    ana, ben = await come("Ana Belén"), await come("Ben Okafor")
    async for name in screens(ana, base, room):
        await sheet(browser, ana.page, directory / f"{name}.png")
    await ben.page.goto(room.link)
    await ben.page.locator(".ready button").click()
    await ben.page.locator(".meeting").wait_for()
    async for name in sharing(ana, ben):
        await sheet(browser, ana.page, directory / f"{name}.png")
    async for name in in_company(ana):
        await sheet(browser, ana.page, directory / f"{name}.png")
    async for name in managing(ana, base, room):
        await sheet(browser, ana.page, directory / f"{name}.png")
    async with Proxy(port) as proxy:
        async for person, name in at_the_door(await come("Ana Belén"), await come("Ben Okafor"), base, proxy):
            await sheet(browser, person.page, directory / f"{name}.png")
    eva = await come("Eva")
    async for name in blocked(eva, base):
        await sheet(browser, eva.page, directory / f"{name}.png")
    for context in contexts:
        await context.close()


async def sheet(browser: Browser, page: Page, path: Path) -> None:
    """One screen in all sizes and themes, as one picture."""
    images: list[str] = []
    # A busy machine looks like a slow line at times.
    await page.wait_for_function("() => !document.querySelector('.away:not([hidden])')")
    for theme in THEMES:
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce")
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            await page.evaluate(_FOLD, width <= FOLDED)
            await page.evaluate("() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 60)))")
            taken = base64.b64encode(await page.screenshot()).decode()
            images.append(f'<img height="{_HEIGHT}" src="data:image/png;base64,{taken}">')
    paper = await browser.new_page(viewport={"width": 2400, "height": 2 * _HEIGHT + 12})
    await paper.set_content(_SHEET.format("".join(images)))
    await paper.screenshot(path=path)
    await paper.close()
    print(path.relative_to(ROOT))  # noqa: T201 — what the command has made


async def main(languages: list[str]) -> None:
    """Start a server and a browser, and take all pictures."""
    with tempfile.TemporaryDirectory() as directory, servers.tertulia_dev(Path(directory)) as server:
        async with async_playwright() as playwright:
            browser = await chromium.launch(playwright)
            for language in languages:
                await tour(browser, server.port, language)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["en"]))
