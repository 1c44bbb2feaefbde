"""Opens the link to a meeting in Chromium again and again, and reads what came and when, by the DevTools protocol."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from tests.browser import chromium
from tests.browser.person import new_room
from tests.integration import servers

WEIGHT_BAR: Final = 200_000
"""Bytes before joining."""
LOBBY_BAR: Final = 3_500.0
"""Milliseconds until the lobby is there, on the slow line."""


class Line(NamedTuple):
    """What a network connection is like."""

    bits_down: int
    bits_up: int
    round_trip: int
    """Milliseconds."""


SLOW: Final = Line(1_600_000, 750_000, 150)
"""As Lighthouse's "slow 4G"."""

_LARGEST_PAINT: Final = """
new PerformanceObserver((list) => {
  window.largestPaint = list.getEntries().at(-1).startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
"""
_LOBBY: Final = "() => document.querySelector('.ready button[type=submit]') && performance.now()"


@dataclass
class Weight:
    """Of one kind of file, in bytes."""

    requests: int = 0
    sent: int = 0
    """With the headers of the answers."""
    plain: int = 0
    """Before compression."""


@dataclass
class Load:
    """One time that the lobby was opened. Times are milliseconds since the navigation began."""

    lobby: float = 0.0
    largest_paint: float = 0.0
    kinds: dict[str, Weight] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        return sum(weight.requests for weight in self.kinds.values())

    @property
    def sent(self) -> int:
        return sum(weight.sent for weight in self.kinds.values())


@dataclass
class Measured:
    """Loads on the slow line by a browser that has never been here; by the same again; and without a slow line."""

    slow: list[Load]
    again: list[Load]
    fast: list[Load]


async def measure(loads: int) -> Measured:
    """``loads`` of each kind, in turn, after one that warms the server up."""
    measured = Measured([], [], [])
    with tempfile.TemporaryDirectory() as directory, servers.tertulia_dev(Path(directory)) as server:
        async with async_playwright() as playwright:
            browser = await chromium.launch(playwright)
            link = new_room(f"http://localhost:{server.port}").link
            await _visit(browser, link, None)
            for _ in range(loads):
                first, again = await _visit(browser, link, SLOW)
                measured.slow.append(first)
                measured.again.append(again)
                measured.fast.append((await _visit(browser, link, None))[0])
            await browser.close()
    return measured


async def _visit(browser: Browser, link: str, line: Line | None) -> tuple[Load, Load]:
    """The first load of a new browser profile, and the next one."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    await context.add_init_script(_LARGEST_PAINT)
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Network.enable")
    if line is not None:
        conditions = {
            "offline": False,
            "latency": line.round_trip,
            "downloadThroughput": line.bits_down / 8,
            "uploadThroughput": line.bits_up / 8,
        }
        await session.send("Network.emulateNetworkConditions", conditions)
    found = [
        await _load(page, session, lambda: page.goto(link, wait_until="commit")),
        await _load(page, session, lambda: page.reload(wait_until="commit")),
    ]
    await context.close()
    return found[0], found[1]


async def _load(page: Page, session: CDPSession, go: Callable[[], Any]) -> Load:
    load = Load()
    kinds: dict[str, str] = {}
    plain: dict[str, int] = {}

    def on_response(event: dict[str, Any]) -> None:
        if event["response"]["url"].startswith("http"):
            kinds[event["requestId"]] = _kind(event["type"], event["response"]["mimeType"])

    def on_data(event: dict[str, Any]) -> None:
        plain[event["requestId"]] = plain.get(event["requestId"], 0) + event["dataLength"]

    def on_finished(event: dict[str, Any]) -> None:
        request = event["requestId"]
        if request in kinds:
            weight = load.kinds.setdefault(kinds[request], Weight())
            weight.requests += 1
            weight.sent += int(event["encodedDataLength"])
            weight.plain += plain.get(request, 0)

    listeners = {
        "Network.responseReceived": on_response,
        "Network.dataReceived": on_data,
        "Network.loadingFinished": on_finished,
    }
    for name, listener in listeners.items():
        session.on(name, listener)
    await go()
    handle = await page.wait_for_function(_LOBBY, polling=20)
    load.lobby = await handle.json_value()
    await page.wait_for_load_state("networkidle")
    load.largest_paint = await page.evaluate("window.largestPaint ?? 0")
    for name, listener in listeners.items():
        session.remove_listener(name, listener)
    return load


def _kind(kind: str, media_type: str) -> str:
    if kind in ("Fetch", "XHR"):
        return "REST"
    return {"text/javascript": "scripts", "text/css": "styles", "text/html": "page"}.get(media_type, "icons, manifest")
