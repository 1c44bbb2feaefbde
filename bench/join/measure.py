"""Joins a meeting of two again and again, as a person with a browser does, and takes the time of each join."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, async_playwright

from tests.browser import chromium
from tests.browser.person import Person, Room, new_room
from tests.integration import servers

BAR: Final = 300.0
"""Milliseconds, of the median."""
BAR_BEHIND: Final = 20.0
"""The same, of how much later than the connection the first picture is."""

_CLOCK: Final = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === "string" && data.includes('"JoinRoom"')) window.joinedAt ??= performance.now();
  return send.call(this, data);
};
const onFrame = HTMLVideoElement.prototype.requestVideoFrameCallback;
HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {
  return onFrame.call(this, (now, frame) => {
    const received = frame.receiveTime !== undefined;
    if (received && !this.classList.contains("mirrored")) window.frameAt ??= frame.presentationTime;
    callback(now, frame);
  });
};
setInterval(() => {
  if (window.connections?.some((c) => c.connectionState === "connected")) window.connectedAt ??= performance.now();
}, 5);
"""
"""Takes the times at which JoinRoom is sent, the connection stands, and the first picture of another person is
presented, which is after it was decoded."""


@dataclass(frozen=True)
class Join:
    """Milliseconds since JoinRoom was sent."""

    connected: float
    first_frame: float

    @property
    def behind(self) -> float:
        """How much later than the connection the first picture was; the page may have been told of it later still."""
        return self.first_frame - self.connected


async def measure(joins: int) -> list[Join]:
    """Times of ``joins`` joins, after one that warms everything up."""
    with tempfile.TemporaryDirectory() as directory, servers.tertulia_dev(Path(directory)) as server:
        async with async_playwright() as playwright:
            browser = await chromium.launch(playwright, "--use-fake-device-for-media-stream=fps=30")
            room = new_room(f"http://localhost:{server.port}")
            host = await Person.come(browser, "Host")
            await host.join(room.host_link)
            times = [await _join(browser, room) for _ in range(joins + 1)]
            await browser.close()
    return times[1:]


async def _join(browser: Browser, room: Room) -> Join:
    guest = await Person.come(browser, "Guest")
    await guest.context.add_init_script(_CLOCK)
    await guest.join(room.link)
    await guest.sees("Host")
    took: dict[str, Any] = await guest.page.evaluate(
        "({ connected: window.connectedAt - window.joinedAt, first_frame: window.frameAt - window.joinedAt })"
    )
    await guest.leave()
    await guest.close()
    return Join(**took)
