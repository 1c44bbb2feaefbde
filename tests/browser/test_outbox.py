"""What one has written stays in sight until it has arrived: once."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Locator, WebSocketRoute, expect

from tests.browser.conftest import Come
from tests.browser.firefox import KEEP_COPIED
from tests.browser.person import Person, new_room
from tests.browser.test_chat import message, write

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Line:
    """What a person's page sends and gets, by WebSocket."""

    def __init__(self) -> None:
        self.sends = True
        self.hears_of_chat = True
        self._opened: list[WebSocketRoute] = []
        self._sent: set[int] = set()
        """The calls that sent a message."""

    def pass_on(self, socket: WebSocketRoute) -> None:
        self._opened.append(socket)
        server = socket.connect_to_server()

        def to_server(text: str | bytes) -> None:
            frame = json.loads(text)
            if frame["event"] == "SendChat":
                self._sent.add(frame["id"])
            if self.sends:
                server.send(text)

        def to_page(text: str | bytes) -> None:
            frame = json.loads(text)
            is_of_chat = frame.get("event") == "ChatMessage" or frame.get("replyTo") in self._sent
            if self.hears_of_chat or not is_of_chat:
                socket.send(text)

        socket.on_message(to_server)
        server.on_message(to_page)

    async def cut(self) -> None:
        await self._opened[-1].close(code=4999)


async def meet(come: Come, base: str) -> tuple[Person, Person, Line]:
    """Ana and Ben, who is behind a line, with their chats open."""
    room, line = new_room(base), Line()
    ana, ben = await come("Ana"), await come("Ben")
    await ben.page.route_web_socket("**", line.pass_on)
    await ben.page.add_init_script(KEEP_COPIED)
    for person, link in ((ana, room.host_link), (ben, room.link)):
        await person.join(link)
        await person.press("c")
    return ana, ben, line


def unsent(person: Person, text: str) -> Locator:
    return person.page.locator(".unsent").filter(has_text=text)


async def test_a_message_is_in_sight_while_it_is_sent_and_after_it_was_not(come: Come, base: str) -> None:
    ana, ben, line = await meet(come, base)
    line.sends = False
    await write(ben, "Can you hear me?")
    await write(ben, "Hello?")
    for text in ("Can you hear me?", "Hello?"):
        await unsent(ben, text).get_by_text("Sending…").wait_for()
    line.sends = True
    await line.cut()
    first = unsent(ben, "Can you hear me?")
    await first.get_by_text("Not sent.").wait_for()
    await first.get_by_role("button", name="Copy message").click()
    await ben.hears("Message copied.")
    assert await ben.page.evaluate("window.copied") == "Can you hear me?"
    await unsent(ben, "Hello?").get_by_role("button", name="Discard").click()
    await expect(ben.page.get_by_role("textbox", name="Message")).to_be_focused()
    await expect(ben.page.locator(".unsent")).to_have_count(1)
    await expect(ben.page.locator(".banner")).to_be_hidden()
    await first.get_by_role("button", name="Send again").click()
    await message(ana, "Can you hear me?").wait_for()
    await expect(ben.page.locator(".unsent")).to_have_count(0)
    await expect(message(ben, "Can you hear me?")).to_have_count(1)
    await expect(ben.page.get_by_role("textbox", name="Message")).to_be_focused()
    assert await message(ana, "Hello?").count() == 0


async def test_a_message_that_has_arrived_is_not_sent_again(come: Come, base: str) -> None:
    ana, ben, line = await meet(come, base)
    line.hears_of_chat = False
    await write(ben, "Can you hear me?")
    await message(ana, "Can you hear me?").wait_for()
    await unsent(ben, "Can you hear me?").get_by_text("Not sent.").wait_for()
    line.hears_of_chat = True
    await ben.button("Send again").click()
    await expect(ben.page.locator(".unsent")).to_have_count(0)
    await expect(message(ben, "Can you hear me?")).to_have_count(1)
    await write(ana, "Loud and clear")
    await message(ben, "Loud and clear").wait_for()
    await expect(message(ana, "Can you hear me?")).to_have_count(1)
