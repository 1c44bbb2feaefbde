"""What makes a meeting comfortable, by Firefox alone in one: layouts, links, keyboard, languages, sizes of screens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import pytest
import pytest_asyncio

from tests.browser.firefox import Page, firefox
from tests.browser.person import SHORT, Room, call, new_room
from tests.browser.test_firefox_page import click, close, control
from tests.clients.signaling import joined

pytestmark = pytest.mark.asyncio(loop_scope="session")

_KEEP_COPIED: Final = """navigator.clipboard.writeText = async (text) => { window.copied = text; };"""
_KEEP_SOCKETS: Final = """window.sockets = []; const Native = WebSocket;
  window.WebSocket = class extends Native { constructor(url) { super(url); window.sockets.push(this); } };"""
_HOME, _END, _DOWN = "\ue011", "\ue010", "\ue015"
"""Keys, as WebDriver has them."""


class Meeting(NamedTuple):
    """Ben, who hosts, in Firefox."""

    room: Room
    ben: Page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(server: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Meeting]:
    room = new_room(f"http://localhost:{server.port}")  # type: ignore[attr-defined]
    async with firefox(tmp_path_factory.mktemp("firefox")) as ben:
        await ben.prepare(_KEEP_COPIED)
        await ben.prepare(_KEEP_SOCKETS)
        await ben.join(room.host_link, "Ben")
        yield Meeting(room, ben)


async def test_the_focus_is_on_the_microphone_after_joining(meeting: Meeting) -> None:
    await meeting.ben.until("document.activeElement.matches('[data-command=mic]')")


async def test_home_and_end_go_through_a_menu(meeting: Meeting) -> None:
    ben = meeting.ben
    items = "[...document.querySelectorAll('#more-menu button')].filter((b) => b.getClientRects().length)"
    await ben.press("More")
    for key, place in ((_END, -1), (_HOME, 0), (_DOWN, 1)):
        await ben.key(key)
        await ben.until(f"document.activeElement === {items}.at({place})")
    await ben.evaluate("document.querySelector('#more-menu').hidePopover()")


async def test_ones_own_picture_is_hidden_and_shown_again(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Change layout")
    for layout in ("grid", "sidebar"):
        await click(ben, f"dialog input[value={layout}]")
        for count in (0, 1):
            await click(ben, "dialog input[type=checkbox]")
            await ben.until(f"document.querySelectorAll('.tile.person').length === {count}")
    await click(ben, "dialog input[value=auto]")
    await close(ben)


async def test_a_link_in_the_chat_is_one_and_nothing_is_lost_over_a_reconnect(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.press("Chat")
    for text in ("see https://example.org/a?b=1", "and on"):
        await ben.fill(".compose textarea", text)
        await click(ben, ".compose button[type=submit]")
        await ben.says(text, ".messages")
        await ben.evaluate("window.sockets.at(-1).close(4900)")
    await ben.until("window.sockets.length >= 3")
    await ben.until("document.querySelector('.messages a').href === 'https://example.org/a?b=1'")
    await ben.until("document.querySelectorAll('.messages li p').length === 2")
    await ben.press("Close chat")


async def test_the_report_is_copied(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Connection details")
    await ben.press("Copy report")
    report = json.loads(await ben.until("window.copied"))
    assert "Ben" not in json.dumps(report)
    await close(ben)


async def test_a_short_link_is_made_and_deleted(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Invite people")
    link = await ben.until("document.querySelector('dialog .invitation > input')?.value")
    assert SHORT.search(link)
    await click(ben, "dialog .links-section:last-child summary")
    await ben.press("Delete this link")
    await ben.press("Delete")
    await ben.says("There are no links yet.", "dialog")
    await close(ben)
    await ben.goto(link)
    await ben.says("This link does not work", "h1")


@pytest.mark.parametrize(
    ("settings", "title"),
    [({"locked": True}, "The meeting is locked"), ({"maxParticipants": 1}, "The meeting is full")],
    ids=["locked", "full"],
)
async def test_a_meeting_that_takes_nobody_says_so(meeting: Meeting, settings: dict[str, object], title: str) -> None:
    base, ben = meeting.room.base, meeting.ben
    room = new_room(base)
    async with joined(base, room.id, "Ana"):
        call("PATCH", f"{base}/v1/rooms/{room.id}", {"settings": settings}, room.join_token)
        await ben.goto(room.link)
        await ben.says(title, "h1")


@pytest.mark.parametrize("size", [(1280, 720), (1024, 640), (390, 844), (844, 390)], ids=str)
async def test_the_way_through_a_meeting(meeting: Meeting, size: tuple[int, int]) -> None:
    base, ben = meeting.room.base, meeting.ben
    await ben.resize(*size)
    await ben.join(new_room(base).link, "Ben")
    await ben.press("Mute")
    await ben.until(control("Unmute"))
    await ben.press("Chat")
    await ben.fill(".compose textarea", "hello")
    await click(ben, ".compose button[type=submit]")
    await ben.says("hello", ".messages")
    await ben.press("Close chat")
    assert await ben.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await click(ben, ".hang-up")
    await ben.says("You left the meeting", "h1")
    await ben.resize(1280, 720)


async def test_arabic_runs_from_right_to_left(meeting: Meeting) -> None:
    room, ben = meeting
    await ben.evaluate("localStorage.setItem('tertulia.language', 'ar')")
    await ben.goto(room.base)
    await ben.until("document.documentElement.dir === 'rtl' && document.documentElement.lang === 'ar'")
    await ben.until("getComputedStyle(document.body).direction === 'rtl'")
    await ben.evaluate("localStorage.removeItem('tertulia.language')")
