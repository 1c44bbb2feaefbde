"""A camera is sent in several sizes; each tile gets the one that fills it, and the others are not sent."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from tests.browser.conftest import Come
from tests.browser.person import PATIENCE, POLL_SECONDS, Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAGE: Final = {"width": 1400, "height": 900}
CORNER: Final = {"width": 320, "height": 260}

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


async def test_each_tile_gets_the_layer_that_fills_it_without_a_freeze(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana", preferences={"quality": "high"})
    ben = await come("Ben", viewport=STAGE, preferences={"cameraOn": False})
    caro = await come("Caro", viewport=CORNER, preferences={"cameraOn": False})
    for person in (ana, ben, caro):
        await person.join(room.link)
    first, small = await asyncio.gather(_gets(ben, 720), _gets(caro, 180))
    # Nobody watches the one in between.
    await _sends(ana, ["f", "q"])
    for viewport, height in ((CORNER, 180), (STAGE, 720)):
        await ben.page.set_viewport_size(viewport)
        await _gets(ben, height)
    last = await _picture(ben)
    assert last["ssrc"] == first["ssrc"], "one stream, whatever the layer"
    assert last.get("freezeCount", 0) == first.get("freezeCount", 0)
    assert (await _picture(caro))["frameHeight"] == small["frameHeight"]
    await ben.leave()
    await _sends(ana, ["q"])
