"""Someone in a meeting: a page, what is done on it, and what is seen and heard there."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.browser import chromium

PATIENCE: Final = 45_000
"""Milliseconds. Six people encode and decode on two cores; what takes longer than this does not come."""

POLL_SECONDS: Final = 0.3

SHORT: Final = re.compile(r"/m/[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}$")
"""How the link of an invite ends."""

_INBOUND: Final = """async () => {
  const found = [];
  for (const connection of window.connections) {
    if (connection.connectionState === "closed") continue;
    for (const s of (await connection.getStats()).values()) if (s.type === "inbound-rtp") found.push(s);
  }
  return found;
}"""

_DTLS_VERSIONS: Final = """async () => {
  const found = [];
  for (const connection of window.connections) {
    if (connection.connectionState === "closed") continue;
    for (const s of (await connection.getStats()).values()) if (s.type === "transport") found.push(s.tlsVersion);
  }
  return found;
}"""

_PICTURES: Final = """(names) => {
  const canvas = new OffscreenCanvas(32, 18);
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  const look = (video) => {
    brush.drawImage(video, 0, 0, 32, 18);
    const { data } = brush.getImageData(0, 0, 32, 18);
    let dark = 0, bright = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = data.slice(i, i + 3);
      // The fake camera: a bright green disc sector that turns on a dark green ground.
      if (g > 90 && g < 190 && r < 60 && b < 70) dark++;
      if (g > 190 && r < 130 && b < 110) bright++;
    }
    return { dark: dark / 576, bright: bright / 576 };
  };
  const result = {};
  for (const name of names) {
    const tile = [...document.querySelectorAll(".tile.has-picture")].find((t) => t.getAttribute("aria-label") === name);
    const video = tile?.querySelector("video");
    if (!video || video.readyState < 2 || getComputedStyle(video).opacity !== "1") return null;
    const seen = look(video);
    if (seen.dark < 0.4 || seen.bright < 0.002) return null;
    result[name] = seen;
  }
  return result;
}"""


_COUNT_CLICKS: Final = """() => {
  window.clicks = 0;
  addEventListener("click", () => { window.clicks++; }, { capture: true });
}"""


@dataclass
class Room:
    """A room on an open server."""

    base: str
    id: str
    host_id: str
    join_token: str

    @property
    def link(self) -> str:
        return f"{self.base}/r/{self.id}"

    @property
    def host_link(self) -> str:
        return f"{self.link}#token={self.join_token}"


def call(method: str, url: str, body: dict[str, Any] | None = None, token: str | None = None) -> Any:
    """One REST call; the decoded answer, if it has a body."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=20) as response:
        return json.loads(response.read() or "null")


def here(url: str) -> str:
    """The same link by the name that the browser has the server by."""
    return url.replace("127.0.0.1", "localhost")


def new_room(base: str, **settings: Any) -> Room:
    host_id = str(uuid.uuid4())
    made = call("POST", f"{base}/v1/rooms", {"hostId": host_id, "settings": settings})
    return Room(base, made["roomId"], host_id, made["joinToken"])


@dataclass
class Person:
    name: str
    page: Page
    context: BrowserContext
    trouble: list[str] = field(default_factory=list)
    """What the page wrote to its console as an error, and what it did not catch."""

    @staticmethod
    async def come(browser: Browser, name: str, **options: Any) -> Person:
        """A person with a browser profile of their own."""
        preferences = options.pop("preferences", {})
        context = await chromium.new_context(browser, {"name": name, **preferences}, **options)
        return await Person.open(context, name)

    @staticmethod
    async def open(context: BrowserContext, name: str) -> Person:
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        person = Person(name, page, context)
        page.on("pageerror", lambda error: person.trouble.append(str(error)))
        page.on("console", person._on_console)
        return person

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(message.text)

    async def join(self, link: str) -> None:
        await self.page.goto(link)
        await self.page.get_by_role("button", name="Join now").click()
        await self.page.wait_for_selector(".meeting")

    async def leave(self) -> None:
        await self.page.get_by_role("button", name="Leave", exact=True).click()
        await self.page.get_by_role("heading", name="You left the meeting").wait_for()

    async def leave_as_host(self) -> None:
        await self.page.get_by_role("button", name="Leave", exact=True).click()
        await self.page.get_by_role("menuitem", name="Leave the meeting").click()
        await self.page.get_by_role("heading", name="You left the meeting").wait_for()

    def tile(self, name: str) -> Locator:
        return self.page.get_by_role("article", name=name, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def press(self, key: str) -> None:
        await self.page.keyboard.press(key)

    @asynccontextmanager
    async def clicks_nothing(self) -> AsyncIterator[None]:
        """Checks that no key clicks what has the focus: it would before the next command is taken."""
        await self.page.evaluate(_COUNT_CLICKS)
        yield
        assert await self.page.evaluate("window.clicks") == 0

    async def sees(self, *names: str) -> None:
        """Waits until the fake camera's picture is in each of these people's tiles."""
        await self.page.wait_for_function(_PICTURES, arg=list(names), polling=250)

    async def sees_tiles(self, count: int) -> None:
        await expect(self.page.locator(".tile.person")).to_have_count(count)

    async def hears(self, text: str) -> None:
        """Waits until a notice says ``text``: what a screen reader would say."""
        await self.page.locator("#notices").get_by_text(text).first.wait_for()

    async def inbound(self, kind: str) -> list[dict[str, Any]]:
        """The statistics of every stream that comes in."""
        found: list[dict[str, Any]] = await self.page.evaluate(_INBOUND)
        return [s for s in found if s["kind"] == kind]

    async def dtls_versions(self) -> list[str]:
        """The versions of DTLS that its connections speak, as on the wire: 1.3 is ``FEFC``."""
        versions: list[str] = await self.page.evaluate(_DTLS_VERSIONS)
        return versions

    async def frames(self) -> int:
        """Frames decoded so far, of all pictures together."""
        return sum(s.get("framesDecoded", 0) for s in await self.inbound("video"))

    async def wait_for_more(self, kind: str, figure: str, by: float, streams: int = 1) -> None:
        """Waits until a figure of at least ``streams`` incoming streams has grown by ``by`` each."""
        script = f"""async ([kind, figure, by, streams]) => {{
          const found = (await ({_INBOUND})()).filter((s) => s.kind === kind);
          const now = Object.fromEntries(found.map((s) => [s.id, s[figure] ?? 0]));
          const before = window.watched?.[kind + figure] ?? now;
          (window.watched ??= {{}})[kind + figure] = before;
          for (const id of Object.keys(now)) before[id] ??= now[id];
          if (Object.keys(now).filter((id) => now[id] - before[id] >= by).length < streams) return false;
          delete window.watched[kind + figure];
          return true;
        }}"""
        # Not wait_for_function: it takes the promise of an answer for a yes.
        async with asyncio.timeout(PATIENCE / 1000):
            while not await self.page.evaluate(script, [kind, figure, by, streams]):
                await asyncio.sleep(POLL_SECONDS)

    async def decodes(self, people: int, frames: int = 15) -> None:
        """Waits until ``people`` pictures have each brought so many more frames."""
        await self.wait_for_more("video", "framesDecoded", frames, people)

    async def hears_tones(self, people: int = 1) -> None:
        """Waits until the fake microphone's beep was played from so many streams."""
        await self.wait_for_more("audio", "totalAudioEnergy", 0.005, people)

    async def close(self) -> None:
        await self.context.close()
