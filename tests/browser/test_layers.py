"""A camera is sent in several sizes; each tile gets the one that fills it, and the others are not sent."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest
from playwright.async_api import ViewportSize, async_playwright

from tests.browser import chromium
from tests.browser.conftest import Come
from tests.browser.person import PATIENCE, POLL_SECONDS, Person, new_room
from tests.browser.relay import Relay

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAGE: ViewportSize = {"width": 1400, "height": 900}
CORNER: ViewportSize = {"width": 320, "height": 260}

_SENT: Final = """async () => {
  const rids = [];
  for (const connection of window.connections) {
    if (connection.connectionState === "closed") continue;
    for (const s of (await connection.getStats()).values()) {
      if (s.type === "outbound-rtp" && s.kind === "video" && s.active) rids.push(s.rid);
    }
  }
  return rids.sort();
}"""


async def _picture(person: Person) -> dict[str, Any]:
    """The statistics of the only picture that comes in."""
    (picture,) = [s for s in await person.inbound("video") if s.get("framesDecoded")]
    return picture


async def _gets(person: Person, height: int) -> dict[str, Any]:
    """Waits until the picture has so many lines."""
    async with asyncio.timeout(PATIENCE / 1000):
        await person.decodes(1)
        while (picture := await _picture(person)).get("frameHeight") != height:
            await asyncio.sleep(POLL_SECONDS)
    return picture


async def _sends(person: Person, rids: list[str]) -> None:
    """Waits until these layers are sent, and no others."""
    async with asyncio.timeout(PATIENCE / 1000):
        while await person.page.evaluate(_SENT) != rids:
            await asyncio.sleep(POLL_SECONDS)


async def _freezes(person: Person) -> int:
    """How often the picture froze while the tile became small and large again."""
    before = (await _picture(person)).get("freezeCount", 0)
    await person.page.set_viewport_size(CORNER)
    await _gets(person, 180)
    await person.page.set_viewport_size(STAGE)
    after = (await _gets(person, 720)).get("freezeCount", 0)
    return int(after - before)


async def test_each_tile_gets_the_layer_that_fills_it_without_a_freeze(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana", preferences={"quality": "high"})
    await ana.context.add_init_script(chromium.FAST_LINE)
    ben = await come("Ben", viewport=STAGE, preferences={"cameraOn": False})
    for person in (ana, ben):
        await person.join(room.link)
    first = await _gets(ben, 720)
    await _sends(ana, ["f"])
    # The machine may stall by itself, but not each time.
    assert 0 in [await _freezes(ben) for _ in range(3)]
    # With three people the stage is smaller.
    caro = await come("Caro", viewport=CORNER, preferences={"cameraOn": False})
    await caro.join(room.link)
    await _gets(caro, 180)
    last = await _gets(ben, 360)
    assert last["ssrc"] == first["ssrc"], "one stream, whatever the layer"
    await _sends(ana, ["h", "q"])
    await ben.leave()
    await _sends(ana, ["q"])


_BY_RELAY: Final = """
const described = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  const udp = /^(a=candidate:\\S+ \\d+ udp \\d+ )\\S+ \\d+/gim;
  const tcp = /^a=candidate:\\S+ \\d+ tcp .*\\r\\n/gim;
  return described.call(this, { type, sdp: sdp.replace(tcp, "").replace(udp, "$1127.0.0.1 PORT") });
};
"""


def _media_port(answer: str) -> int:
    """The SFU's own port, from its answer."""
    (line, *_) = [line for line in answer.splitlines() if line.startswith("a=candidate:") and " udp " in line.lower()]
    return int(line.split()[5])


async def _change(person: Person, seconds: float) -> dict[str, float]:
    """How the statistics of the picture change while so much time goes by."""
    before = await _picture(person)
    await asyncio.sleep(seconds)
    after = await _picture(person)
    counted = ("framesDecoded", "keyFramesDecoded", "freezeCount", "pliCount", "bytesReceived")
    return {name: after.get(name, 0) - before.get(name, 0) for name in counted}


async def test_a_narrow_line_gets_fewer_frames_and_no_freeze(base: str) -> None:
    """Of the smallest picture half the frames are sent before the video is paused: no keyframe is needed for that."""
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright, "--use-fake-device-for-media-stream=fps=30")
        ana = await Person.come(browser, "Ana", preferences={"quality": "standard"})
        ben = await Person.come(browser, "Ben", viewport=CORNER, preferences={"cameraOn": False})
        room = new_room(base)
        await ana.join(room.link)
        port = _media_port(await ana.page.evaluate("connections.at(-1).remoteDescription.sdp"))
        async with Relay(port) as relay:
            await ben.context.add_init_script(_BY_RELAY.replace("PORT", str(relay.port)))
            await ben.join(room.link)
            await _gets(ben, 180)
            await asyncio.sleep(3)
            whole = await _change(ben, 5)
            assert whole["framesDecoded"] > 50, whole
            # The voices, and two of the three temporal layers.
            relay.bits = 0.75 * 8 * whole["bytesReceived"] / 5 + 60_000
            await asyncio.sleep(8)
            narrow = await _change(ben, 8)
            share = narrow["framesDecoded"] / 8 / (whole["framesDecoded"] / 5)
            assert 0.15 < share < 0.7, (whole, narrow)
            assert (narrow["freezeCount"], narrow["keyFramesDecoded"]) == (0, 0), narrow
            relay.bits = None
            async with asyncio.timeout(PATIENCE / 1000):
                while (await _change(ben, 2))["framesDecoded"] / 2 < 0.8 * whole["framesDecoded"] / 5:
                    pass
        for person in (ana, ben):
            await person.close()
        await browser.close()
