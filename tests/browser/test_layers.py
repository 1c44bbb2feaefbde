"""A camera is sent in several sizes; each tile gets the one that fills it, and the others are not sent. A voice is sent
twice while some of it is lost.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import ViewportSize

from tests.browser import chromium
from tests.browser.conftest import Come
from tests.browser.firefox import firefox
from tests.browser.person import PATIENCE, POLL_SECONDS, Person, new_room

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


_LOSE: Final = """
const read = RTCPeerConnection.prototype.getStats;
RTCPeerConnection.prototype.getStats = async function () {
  const stats = new Map(await read.call(this));
  for (const [id, s] of stats) {
    const isVoice = s.type === "remote-inbound-rtp" && s.kind === "audio";
    if (isVoice && window.isLossy) stats.set(id, { ...s, fractionLost: 0.3 });
  }
  return stats;
};"""
"""The other side reports that packets are lost."""


_VOICE: Final = """() => {
  const { sdp } = window.connections.at(-1).remoteDescription;
  const [, type] = sdp.match(/^m=audio \\d+ \\S+ (\\d+)/m);
  return sdp.match(new RegExp(`^a=rtpmap:${type} (\\\\w+)`, "m"))[1];
}"""
"""As what the voice is sent: Chromium takes the first format in the answer of the other side, and calls it Opus."""


_NESTED: Final = """
const add = RTCPeerConnection.prototype.addTransceiver;
RTCPeerConnection.prototype.addTransceiver = function (what, how) {
  if (!(what instanceof MediaStreamTrack) || what.kind !== "video") return add.call(this, what, how);
  const made = add.call(this, what, { ...how, sendEncodings: [{ scalabilityMode: "MODE" }] });
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  made.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === "video/CODEC"));
  return made;
};
"""
"""The layers are inside of one stream (SVC)."""


_MODES: Final = """async () => {
  const modes = [];
  for (const connection of window.connections) {
    for (const s of (await connection.getStats()).values()) {
      if (s.type === "outbound-rtp" && s.scalabilityMode) modes.push(s.scalabilityMode);
    }
  }
  return modes;
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


async def test_a_camera_and_a_screen_that_nobody_watches_are_not_sent(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana", preferences={"quality": "high"})
    await ana.join(room.link)
    await ana.press("s")
    await ana.page.get_by_text("You are sharing your screen").wait_for(state="attached")
    await _sends(ana, [])
    ben = await come("Ben", viewport=STAGE)
    await ben.join(room.link)
    await ben.decodes(2)


_PICTURES: Final = """(async () => {
  let sent = 0;
  for (const connection of window.connections) {
    for (const s of (await connection.getStats()).values()) {
      if (s.type === "outbound-rtp" && s.kind === "video") sent += s.packetsSent;
    }
  }
  return sent;
})()"""
"""The expression for how many packets of video were sent, by all connections together."""

_RESTS: Final = f"""(async () => {{
  const before = await {_PICTURES};
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return before > 0 && (await {_PICTURES}) === before;
}})()"""
"""The expression for whether no video is sent any more."""

_SHARE_A_TAB: Final = """navigator.mediaDevices.getDisplayMedia =
  () => navigator.mediaDevices.getUserMedia({ video: { mediaSource: "browser" } });"""
"""Firefox without a screen has nothing else to share."""


async def test_firefox_sends_no_camera_and_no_screen_that_nobody_watches(come: Come, base: str, tmp_path: Path) -> None:
    room = new_room(base)
    async with firefox(tmp_path) as ben:
        await ben.prepare(chromium.COLLECT_CONNECTIONS)
        await ben.prepare(_SHARE_A_TAB)
        await ben.join(room.link, "Ben")
        await ben.key("s")
        await ben.until("document.querySelector('.tile.screen.has-picture') !== null")
        await ben.until(_RESTS)
        ana = await come("Ana", viewport=STAGE)
        await ana.join(room.link)
        await ana.decodes(2)


@pytest.mark.parametrize(("codec", "mode"), [("VP9", "L3T3"), ("VP9", "L3T3_KEY"), ("AV1", "L3T3")])
async def test_each_tile_gets_the_spatial_layers_that_fill_it(come: Come, base: str, codec: str, mode: str) -> None:
    room = new_room(base)
    ana = await come("Ana", preferences={"quality": "high"})
    await ana.context.add_init_script(_NESTED.replace("CODEC", codec).replace("MODE", mode))
    await ana.context.add_init_script(chromium.FAST_LINE.replace("VP8", codec))
    ben = await come("Ben", viewport=STAGE, preferences={"cameraOn": False})
    caro = await come("Caro", viewport=CORNER, preferences={"cameraOn": False})
    for person in (ana, ben):
        await person.join(room.link)
    await _gets(ben, 720)
    assert await ana.page.evaluate(_MODES) == [mode]
    await caro.join(room.link)
    await _gets(caro, 180)
    await caro.page.set_viewport_size(STAGE)
    await _gets(caro, 360)
    await caro.page.set_viewport_size(CORNER)
    await _gets(caro, 180)


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_a_voice_is_sent_twice_while_packets_of_it_are_lost(come: Come, base: str, topology: str) -> None:
    room = new_room(base, topology=topology)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.page.add_init_script(_LOSE)
    await ben.join(room.host_link)
    await ana.join(room.link)
    await ben.hears_tones()
    assert await ana.page.evaluate(_VOICE) == "opus"
    await ana.page.evaluate("window.isLossy = true")
    await ana.page.wait_for_function(f"() => ({_VOICE})() === 'red'", polling=250)
    await ben.hears_tones()
