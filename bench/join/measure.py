"""Joins a meeting of two again and again, as a person with a browser does, and takes the time of each join."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, async_playwright

from tests.browser import chromium
from tests.browser.line import Line, Way
from tests.browser.person import Person, new_room
from tests.browser.proxy import Proxy
from tests.integration import servers

FILM: Final = "--use-fake-device-for-media-stream=fps=30"

_CLOCK: Final = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === "string" && data.includes('"JoinRoom"')) window.joinedAt ??= performance.now();
  return send.call(this, data);
};
const look = (video) => requestAnimationFrame((now) => {
  if (video.closest(".tile.has-picture")) window.frameAt ??= now;
  else look(video);
});
const onFrame = HTMLVideoElement.prototype.requestVideoFrameCallback;
HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
  return onFrame.call(this, (now, frame) => {
    if (frame.receiveTime !== undefined && window.decodedAt === undefined) {
      window.decodedAt = frame.receiveTime + (frame.processingDuration ?? 0) * 1000;
      look(this);
    }
    callback(now, frame);
  });
};
setInterval(() => {
  if (window.connections?.some((c) => c.connectionState === "connected")) window.connectedAt ??= performance.now();
}, 5);
"""
"""Takes the times at which JoinRoom is sent, the connection stands, and the first picture of another person is decoded,
which the page plays, and is in a tile: its tile has been drawn by the frame before."""


@dataclass(frozen=True)
class Join:
    """Milliseconds since JoinRoom was sent."""

    connected: float
    decoded: float
    first_frame: float

    @property
    def behind(self) -> float:
        """How much later than the connection the first picture was decoded; the page may have been told of the
        connection later still."""
        return self.decoded - self.connected


async def measure(joins: int, round_trip: float | None) -> list[Join]:
    """Times of ``joins`` joins, after one that warms everything up.

    They come from this machine (``None``), or over a line that takes so many seconds there and back, which needs root.
    """
    async with _browser_at(round_trip) as (browser, link):
        times = [await _join(browser, link) for _ in range(joins + 1)]
    return times[1:]


@asynccontextmanager
async def _browser_at(round_trip: float | None) -> AsyncIterator[tuple[Browser, str]]:
    """A browser, and the host's link to a meeting in which Ana is, near the server."""
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = await stack.enter_async_context(async_playwright())
        line = stack.enter_context(Line()) if round_trip is not None else None
        settings = {} if line is None else {"TERTULIA_SFU_ADVERTISE": f"127.0.0.1,{line.server}"}
        server = stack.enter_context(servers.tertulia_dev(directory, settings=settings))
        room = new_room(f"http://localhost:{server.port}")
        browser = await chromium.launch(playwright, FILM)
        stack.push_async_callback(browser.close)
        ana = await Person.come(browser, "Ana")
        await ana.join(room.link)
        if line is None or round_trip is None:
            yield browser, room.host_link
            return
        way = Way(delay=round_trip / 2)
        line.set(way, way)
        proxy = await stack.enter_async_context(Proxy(server.port, line.server))
        base = f"http://{line.server}:{proxy.port}"
        behind = await chromium.launch(
            playwright, FILM, f"--unsafely-treat-insecure-origin-as-secure={base}", through=line.script
        )
        stack.push_async_callback(behind.close)
        yield behind, room.host_link.replace(room.base, base)


async def _join(browser: Browser, link: str) -> Join:
    person = await Person.come(browser, "Ben")
    await person.context.add_init_script(_CLOCK)
    await person.join(link)
    await person.sees("Ana")
    took: dict[str, Any] = await person.page.evaluate(
        """() => ({
          connected: window.connectedAt - window.joinedAt,
          decoded: window.decodedAt - window.joinedAt,
          first_frame: window.frameAt - window.joinedAt,
        })"""
    )
    await person.leave_as_host()
    await person.close()
    return Join(**took)
