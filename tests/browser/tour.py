"""Pictures of every screen of the page, in four sizes and two themes, to be looked at: ``make pictures``.

Each screen's pictures are put together on one sheet, ``.build/pictures/sheets/{language}/{screen}.png``.

usage: python -m tests.browser.tour [language …]
"""

from __future__ import annotations

import asyncio
import base64
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser import chromium, screens
from tests.browser.person import PATIENCE, Person, new_room
from tests.browser.proxy import Proxy
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
    async for name in screens.before(ana, base, room):
        await sheet(browser, ana.page, directory / f"{name}.png")
    await ben.page.goto(room.link)
    await ben.page.locator(".ready button").click()
    await ben.page.locator(".meeting").wait_for()
    async for name in screens.sharing(ana, ben):
        await sheet(browser, ana.page, directory / f"{name}.png")
    async for name in screens.in_company(ana):
        await sheet(browser, ana.page, directory / f"{name}.png")
    async for name in screens.managing(ana, base, room):
        await sheet(browser, ana.page, directory / f"{name}.png")
    async with Proxy(port) as proxy:
        async for person, name in screens.at_the_door(await come("Ana Belén"), await come("Ben Okafor"), base, proxy):
            await sheet(browser, person.page, directory / f"{name}.png")
    eva = await come("Eva")
    async for name in screens.blocked(eva, base):
        await sheet(browser, eva.page, directory / f"{name}.png")
    for stops in (screens.recorded, screens.without_devices):
        person = await come("Eva")
        async for name in stops(person, base):
            await sheet(browser, person.page, directory / f"{name}.png")
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
    expect.set_options(timeout=PATIENCE)
    with tempfile.TemporaryDirectory() as directory, servers.tertulia_dev(Path(directory)) as server:
        async with async_playwright() as playwright:
            browser = await chromium.launch(playwright)
            for language in languages:
                await tour(browser, server.port, language)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["en"]))
