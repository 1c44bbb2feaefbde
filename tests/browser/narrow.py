"""A meeting of people near the server and one behind a line, in a network namespace, and what their pages see."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from playwright.async_api import Browser, Playwright, ViewportSize

from tests.browser import chromium
from tests.browser.line import Line
from tests.browser.person import Person, new_room
from tests.browser.proxy import Proxy
from tests.integration import servers

NAMES: Final = ("Ana", "Ben", "Caro")

WINDOW: Final[ViewportSize] = {"width": 1600, "height": 1000}

WINDOW_MS: Final = 100
"""How often a page looks at its statistics."""

ACTIVE_PACKETS: Final = 10
"""What brings fewer is a slot in which nobody is."""

_WATCH: Final = """(every) => {
  window.seen = [];
  setInterval(async () => {
    const at = performance.timeOrigin + performance.now();
    for (const connection of window.connections) {
      if (connection.connectionState === "closed") continue;
      for (const s of (await connection.getStats()).values()) {
        if (s.type === "inbound-rtp") window.seen.push({ ...s, at });
      }
    }
  }, every);
}"""


def write_film(path: Path, seconds: int = 10) -> Path:
    """A camera's picture that costs as many bits as it may: a detailed pattern that drifts, with some noise."""
    random = np.random.default_rng(1)
    pattern = random.integers(0, 255, (360, 1280), dtype=np.uint8)
    pattern = (pattern.astype(np.int16) // 2 + np.roll(pattern, 1, 1).astype(np.int16) // 2).astype(np.uint8)
    with av.open(str(path), "w", format="mjpeg") as film:
        video: Any = film.add_stream("mjpeg", rate=15)
        video.width, video.height, video.pix_fmt = 640, 360, "yuvj420p"
        for n in range(seconds * 15):
            shifted = pattern[:, 4 * n % 640 : 4 * n % 640 + 640]
            frame = av.VideoFrame.from_ndarray(np.repeat(shifted[:, :, None], 3, 2), format="rgb24")
            frame.pts = n
            film.mux(video.encode(frame))
        film.mux(video.encode(None))
    return path


@dataclass
class Watched:
    """What the viewer's page saw of one stream, every tenth of a second."""

    rows: list[dict[str, Any]]

    def since(self, begin: float, end: float) -> Watched:
        """The part between two times, in seconds since 1970."""
        return Watched([row for row in self.rows if begin <= row["at"] / 1000 < end])

    def grown(self, figure: str) -> float:
        """By how much a figure grew."""
        values = [row.get(figure, 0) for row in self.rows]
        return float(values[-1] - values[0]) if values else 0.0

    def steps(self, figure: str) -> list[float]:
        """By how much a figure grew from row to row."""
        values = [row.get(figure, 0) for row in self.rows]
        return [after - before for before, after in itertools.pairwise(values)]

    def concealed(self) -> float:
        """The share of the sound that was made up because nothing had come."""
        played = self.grown("totalSamplesReceived")
        return self.grown("concealedSamples") / played if played else 0.0

    def longest_gap(self) -> float:
        """The longest time without a sound that had come, in seconds: all that was played was made up."""
        longest = gap = 0.0
        for played, made_up in zip(self.steps("totalSamplesReceived"), self.steps("concealedSamples"), strict=True):
            gap = gap + made_up / 48_000 if played > 0 and made_up >= 0.95 * played else 0.0
            longest = max(longest, gap)
        return longest


@dataclass
class Meeting:
    """The people: some near the server, and one behind the line."""

    line: Line
    far: Person
    near: list[Person]

    @property
    def people(self) -> list[Person]:
        return [self.far, *self.near]


async def watch(person: Person) -> None:
    """From now on the person's page looks at its statistics."""
    await person.page.evaluate(_WATCH, WINDOW_MS)


async def seen(person: Person, kind: str) -> list[Watched]:
    """What the person's page has seen of each stream that brought something."""
    rows: list[dict[str, Any]] = await person.page.evaluate("window.seen")
    rows = [row for row in rows if row["kind"] == kind]
    streams = [Watched([row for row in rows if row["ssrc"] == ssrc]) for ssrc in {row["ssrc"] for row in rows}]
    return [stream for stream in streams if stream.grown("packetsReceived") > ACTIVE_PACKETS]


@asynccontextmanager
async def meeting(directory: Path, playwright: Playwright, near: int, *, sends: bool) -> AsyncIterator[Meeting]:
    """So many people with cameras near a server of their own, and one behind a line, who ``sends`` video too or not.

    Everyone has the pictures that there are.
    """
    film = f"--use-file-for-fake-video-capture={write_film(directory / 'camera.mjpeg')}"
    async with AsyncExitStack() as stack:
        line = stack.enter_context(Line())
        settings = {"TERTULIA_SFU_ADVERTISE": f"127.0.0.1,{line.server}"}
        server = stack.enter_context(servers.tertulia_dev(directory, settings=settings))
        proxy = await stack.enter_async_context(Proxy(server.port, line.server))
        room = new_room(f"http://localhost:{server.port}")
        base = f"http://{line.server}:{proxy.port}"
        browser = await chromium.launch(playwright, film)
        stack.push_async_callback(browser.close)
        behind = await chromium.launch(
            playwright, film, f"--unsafely-treat-insecure-origin-as-secure={base}", through=line.script
        )
        stack.push_async_callback(behind.close)
        people = [await _come(browser, name, room.link, chromium.FAST_LINE) for name in NAMES[:near]]
        # Without a credential, only loopback may join.
        link = room.host_link.replace(room.base, base)
        far = await _come(behind, "Vera", link, "", cameraOn=sends)
        await far.decodes(near)
        if sends:
            await asyncio.gather(*(person.decodes(near) for person in people))
        yield Meeting(line, far, people)


async def _come(browser: Browser, name: str, link: str, script: str, **preferences: Any) -> Person:
    person = await Person.come(browser, name, preferences={"quality": "standard", **preferences}, viewport=WINDOW)
    await person.context.add_init_script(script)
    await person.join(link)
    return person
