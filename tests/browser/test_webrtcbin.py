"""Certificates of RSA: GStreamer's webrtcbin, which has DTLS 1.2, in a call with Chromium; and in a Chromium, which has
DTLS 1.3.
"""

from __future__ import annotations

from typing import Final

import pytest
from playwright.async_api import WebSocket, expect

from tests.browser.conftest import Come
from tests.browser.person import call, new_room
from tests.clients import stack_call
from tests.clients.signaling import joined

pytestmark = pytest.mark.asyncio(loop_scope="session")

_HAS_RSA: Final = """(() => {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048 };
  const made = RTCPeerConnection.generateCertificate({ ...algorithm, publicExponent: new Uint8Array([1, 0, 1]) });
  made.then((certificate) => { window.certificates = [certificate]; });
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super({ ...configuration, certificates: window.certificates });
    }
  };
})()"""


async def test_webrtcbin_and_chromium_get_each_others_media(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    async with (
        joined(base, room.id, "GStreamer") as member,
        stack_call.in_call(stack_call.GSTREAMER, [member]) as calls,
    ):
        (seen,) = [p for p in call("GET", f"{base}/v1/rooms/{room.id}/participants") if p["displayName"] == "Ana"]
        await calls.until_all_get([seen["userId"]])
        await expect(ana.tile("GStreamer")).to_contain_class("has-picture")
    await ana.hears("GStreamer left")


async def test_a_certificate_of_rsa_with_dtls_13_gets_in_at_the_second_attempt(come: Come, base: str) -> None:
    """The first one fails at once, not when the handshake would be given up, and the page makes the second itself."""
    ends: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: ends.append(str(frame)) if '"state":"closed"' in str(frame) else None)

    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.host_link)
    ana = await come("Ana")
    await ana.context.add_init_script(_HAS_RSA)
    ana.page.on("websocket", listen)
    await ana.page.goto(room.link)
    await ana.page.wait_for_function("() => window.certificates")
    await ana.page.get_by_role("button", name="Join now").click()
    await expect(ana.tile("Ben")).to_contain_class("has-picture")
    await expect(ben.tile("Ana")).to_contain_class("has-picture")
    (end,) = ends
    assert '"reason":"dtls"' in end
    ana.trouble.clear()  # the page writes down that the first attempt has failed
