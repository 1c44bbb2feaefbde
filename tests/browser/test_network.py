"""The network goes away and comes back; the SFU stalls; someone joins twice."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests.browser.conftest import Come
from tests.browser.person import Person, new_room
from tests.browser.proxy import Proxy
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")

BANNER = "Connection lost. Reconnecting…"


async def test_a_cut_connection_comes_back_and_media_never_stops(
    come: Come, base: str, server: servers.Tertulia
) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    async with Proxy(server.port) as proxy:
        await ben.join(room.link.replace(str(server.port), str(proxy.port)))
        await asyncio.gather(ana.sees("Ben"), ben.sees("Ana"))
        proxy.cut()
        await ben.page.get_by_text(BANNER).wait_for()
        await ana.tile("Ben").get_by_text("Reconnecting…").wait_for()
        await asyncio.gather(ana.decodes(1), ben.decodes(1))
        proxy.mend()
        await expect(ben.page.get_by_text(BANNER)).to_be_hidden()
        await expect(ana.tile("Ben").get_by_text("Reconnecting…")).to_be_hidden()
        await ben.button("Mute").click()
        await ana.tile("Ben").get_by_role("img", name="Muted").wait_for()
        assert await ana.page.locator("#notices").get_by_text("Ben left").count() == 0
        assert await live_connections(ben) == 1
        forgive_cut(ben)
        await ben.close()


async def test_what_was_said_while_away_is_read_afterwards(come: Come, base: str, server: servers.Tertulia) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    async with Proxy(server.port) as proxy:
        await ben.join(room.link.replace(str(server.port), str(proxy.port)))
        await ana.tile("Ben").wait_for()
        proxy.cut()
        await ana.tile("Ben").get_by_text("Reconnecting…").wait_for()
        await ana.press("c")
        await ana.page.keyboard.type("Are you there?")
        await ana.press("Enter")
        await ana.page.get_by_role("log").get_by_text("Are you there?").wait_for()
        proxy.mend()
        await ben.button("Chat, 1 unread").wait_for()
        forgive_cut(ben)
        await ben.close()


async def test_a_message_that_cannot_be_sent_stays_and_is_sent_again(
    come: Come, base: str, server: servers.Tertulia
) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    async with Proxy(server.port) as proxy:
        await ben.join(room.link.replace(str(server.port), str(proxy.port)))
        await ana.tile("Ben").wait_for()
        proxy.cut()
        await ben.page.get_by_text(BANNER).wait_for()
        await ben.press("c")
        await ben.page.keyboard.type("Can you hear me?")
        await ben.press("Enter")
        messages = ben.page.get_by_role("log")
        await messages.get_by_text("Not sent.").wait_for()
        await expect(messages.get_by_text("Can you hear me?")).to_be_visible()
        await ben.button("Send again").click()
        await messages.get_by_text("Not sent.").wait_for()
        proxy.mend()
        await expect(ben.page.get_by_text(BANNER)).to_be_hidden()
        await ben.button("Send again").click()
        await ana.button("Chat, 1 unread").wait_for()
        await expect(messages.get_by_text("Not sent.")).to_have_count(0)
        await expect(messages.get_by_text("Can you hear me?")).to_have_count(1)
        forgive_cut(ben)
        await ben.close()


async def test_a_message_whose_answer_is_lost_is_sent_once(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    opened: list[WebSocketRoute] = []
    is_deaf = False

    def pass_on(socket: WebSocketRoute) -> None:
        opened.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda text: None if is_deaf else socket.send(text))

    await ben.page.route_web_socket("**", pass_on)
    await ana.join(room.host_link)
    await ana.press("c")
    await ben.join(room.link)
    await ben.press("c")
    is_deaf = True
    await ben.page.keyboard.type("Can you hear me?")
    await ben.press("Enter")
    await ana.page.get_by_role("log").get_by_text("Can you hear me?").wait_for()
    is_deaf = False
    await opened[-1].close(code=4999)
    messages = ben.page.get_by_role("log")
    await messages.locator("li:not(.unsent)").get_by_text("Can you hear me?").wait_for()
    await expect(messages.locator(".unsent")).to_have_count(0)


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_a_screen_shared_while_away_is_seen_afterwards(
    come: Come, base: str, server: servers.Tertulia, topology: str
) -> None:
    """What could not be negotiated is negotiated then, whichever side yields; nothing stays marked as broken."""
    room = new_room(base, topology=topology)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    async with Proxy(server.port) as proxy:
        await ben.join(room.link.replace(str(server.port), str(proxy.port)))
        await asyncio.gather(ana.sees("Ben"), ben.sees("Ana"))
        proxy.cut()
        await ben.page.get_by_text(BANNER).wait_for()
        await ben.press("s")
        await ben.page.get_by_text("You are sharing your screen").wait_for()
        proxy.mend()
        await ana.tile("Ben’s screen").wait_for()
        await ana.decodes(2)
        await expect(ben.page.locator(".banner")).to_be_hidden()
        assert await live_connections(ben) == 1
        forgive_cut(ben)
        await ben.close()


def forgive_cut(person: Person) -> None:
    """The browser itself writes every failed WebSocket to the console."""
    person.trouble[:] = [t for t in person.trouble if "WebSocket connection to" not in t and "ERR_" not in t]


async def live_connections(person: Person) -> int:
    connected = "window.connections.filter((c) => c.connectionState === 'connected').length"
    count: int = await person.page.evaluate(connected)
    return count


async def test_the_same_person_from_another_window_takes_over(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.join(room.link)
    await ben.tile("Ana").wait_for()
    second = await come("Ana")
    await second.join(room.host_link)
    await ana.page.get_by_role("heading", name="You joined from somewhere else").wait_for()
    await asyncio.gather(ben.sees("Ana"), second.sees("Ben"))
    await ben.sees_tiles(2)
    await ana.page.get_by_role("button", name="Use this window instead").click()
    await ana.page.get_by_role("button", name="Join now").click()
    await second.page.get_by_role("heading", name="You joined from somewhere else").wait_for()
    await asyncio.gather(ben.sees("Ana"), ana.sees("Ben"))


async def test_a_second_tab_of_one_browser_is_a_second_person(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.link)
    other = await Person.open(ana.context, "Ana")
    await other.join(room.link)
    await ana.sees_tiles(2)
    await other.sees_tiles(2)
    assert other.trouble == []


async def test_an_sfu_that_is_killed_is_replaced(come: Come, tmp_path: Path) -> None:
    with servers.tertulia_dev(tmp_path) as started:
        room = new_room(f"http://localhost:{started.port}")
        ana, ben = await come("Ana"), await come("Ben")
        await ana.join(room.host_link)
        await ben.join(room.link)
        await asyncio.gather(ana.sees("Ben"), ben.sees("Ana"))
        os.kill(child(started.server.pid, "sfu"), signal.SIGKILL)
        await expect(ana.page.get_by_text("Sound and video stopped.")).to_be_hidden(timeout=60_000)
        await asyncio.gather(ana.sees("Ben"), ben.sees("Ana"))
        await asyncio.gather(ana.decodes(1), ben.decodes(1))
        await asyncio.gather(ana.hears_tones(), ben.hears_tones())
        await ana.close()
        await ben.close()
        ana.trouble.clear()
        ben.trouble.clear()


def child(parent: int, part: str) -> int:
    """The process id of one part of ``tertulia dev``."""
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if part.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            return int(pid)
    raise AssertionError(f"{part} does not run")


RELAY_ONLY = """
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(options) { super({ ...options, iceTransportPolicy: "relay" }); }
};
"""
_NO_WAY = """
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  setRemoteDescription({ type, sdp }) {
    return super.setRemoteDescription({ type, sdp: sdp.replace(/^(a=candidate:(?:\\S+ ){5})\\d+/gm, "$19") });
  }
};
"""
"""As if a firewall were in the way: the SFU's candidates lead to a port where nobody is."""


async def test_no_way_for_media_is_explained(come: Come, base: str) -> None:
    direct, forwarded = new_room(base, topology="p2p"), new_room(base)
    ben, ana, eva = await come("Ben"), await come("Ana"), await come("Eva")
    await ana.page.add_init_script(RELAY_ONLY)
    await eva.page.add_init_script(_NO_WAY)
    await ben.join(direct.link)
    await asyncio.gather(ana.join(direct.link), eva.join(forwarded.link))
    banners = ((ana, "No sound or video for some people"), (eva, "No sound or video gets through"))
    for person, words in banners:
        await person.page.get_by_role("alert").get_by_text(words).wait_for()
        await person.button("What to do").click()
    dialog = ana.page.get_by_role("dialog")
    await dialog.get_by_text("Your browser found no way to send anything between you and Ben").wait_for()
    await dialog.get_by_text("Nothing could be tried.").wait_for()
    dialog = eva.page.get_by_role("dialog")
    await dialog.get_by_text("Tried: UDP and TCP.").wait_for()
    await dialog.get_by_text("no TURN server").wait_for()
    await expect(ana.page.get_by_role("img", name="Good connection", include_hidden=True)).to_have_count(0)
    ana.trouble.clear()
