"""What makes a meeting comfortable, by Firefox alone in one: layouts, links, keyboard, languages, sizes of screens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Final, NamedTuple
from urllib.parse import unquote

import pytest
import pytest_asyncio

from tests.browser.firefox import KEEP_COPIED, Page, control, firefox
from tests.browser.person import SHORT, Room, call, new_room
from tests.browser.proxy import Proxy
from tests.browser.test_accessibility import AXE
from tests.browser.test_comfort import APART, NOTICES_ARE_WHOLE, REFUSE
from tests.browser.test_effects import COUNT_CHIMES
from tests.clients.signaling import joined
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")

_KEEP_SOCKETS: Final = """window.sockets = []; const Native = WebSocket;
  window.WebSocket = class extends Native { constructor(url) { super(url); window.sockets.push(this); } };"""
_ROW_OF: Final = """[...document.querySelectorAll("dialog .links li")].find((row) => row.textContent.includes(%s))"""
"""The expression that finds a link in the list of them."""
_NEWEST_IS_SEEN: Final = """(() => {
  const [words, list] = [[...document.querySelectorAll(".messages p")].at(-1), document.querySelector(".messages")]
    .map((element) => element.getBoundingClientRect());
  return words.top >= list.top && words.bottom <= list.bottom && list.bottom <= innerHeight;
})()"""
_TONE: Final = "void (AnalyserNode.prototype.getFloatTimeDomainData = (samples) => void samples.fill(0.2))"
_KEEP_SAVED: Final = """(() => {
  const create = URL.createObjectURL;
  URL.createObjectURL = (file) => { window.file = file; return create(file); };
  HTMLAnchorElement.prototype.click = async function () { window.saved = [this.download, await window.file.text()]; };
})()"""
"""What a page would have saved stays in it, with its name, as ``window.saved``."""
_HOME, _END, _DOWN, _ENTER, _LEFT, _RIGHT = "\ue011", "\ue010", "\ue015", "\ue006", "\ue012", "\ue014"
"""Keys, as WebDriver has them."""


class Alone(NamedTuple):
    """Ben, who hosts, in Firefox."""

    room: Room
    ben: Page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(server: servers.Tertulia, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Alone]:
    room = new_room(f"http://localhost:{server.port}")
    async with firefox(tmp_path_factory.mktemp("firefox")) as ben:
        await ben.prepare(KEEP_COPIED)
        await ben.prepare(_KEEP_SOCKETS)
        await ben.join(room.host_link, "Ben")
        yield Alone(room, ben)


async def test_the_focus_is_on_the_microphone_after_joining(meeting: Alone) -> None:
    await meeting.ben.until("document.activeElement.matches('[data-command=mic]')")


async def test_who_joins_by_keyboard_presses_the_focused_button_with_the_first_space(meeting: Alone) -> None:
    room, ben = meeting
    await ben.goto(room.host_link)
    await ben.until("document.querySelector('.ready button')")
    await ben.evaluate("document.querySelector('input[name=name]').focus()")
    await ben.key(_ENTER)
    await ben.until("document.activeElement.matches('[data-command=mic]')")
    assert await leaves_space(ben)


async def test_space_speaks_and_never_presses_what_was_clicked(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.until(control("Turn camera off"))
    await ben.tap("[data-command=mic]")
    await speaks(ben)
    await ben.tap("[data-command=camera]")
    await ben.until(control("Turn camera on"))
    await speaks(ben)
    await ben.key(" ")
    await ben.until(control("Unmute"))
    assert await ben.evaluate(f"{control('Turn camera on')} !== null")
    await ben.tap("[data-command=camera]")
    await ben.until(control("Turn camera off"))


async def test_in_a_menu_space_speaks_until_one_moves_in_it_by_keyboard(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.tap(".control.more")
    await ben.until("document.activeElement.matches('#more-menu button')")
    await speaks(ben)
    await ben.key(_END)
    await speaks(ben)
    assert await leaves_space(ben)
    await ben.evaluate("document.querySelector('#more-menu').hidePopover()")
    await ben.press("Unmute")


async def leaves_space(ben: Page) -> bool:
    """Whether a short Space is left to the focused button, which no key of WebDriver presses in Firefox."""
    await ben.evaluate("void addEventListener('keydown', (event) => { window.last = event; }, { once: true })")
    await ben.key(" ")
    return not await ben.evaluate("window.last.defaultPrevented")


async def speaks(ben: Page) -> None:
    """Ben, who is muted, holds Space to speak, and falls silent."""
    await ben.until(control("Unmute"))
    await ben.hold(" ")
    await ben.until(control("Mute"))
    await ben.let_go(" ")
    await ben.until(control("Unmute"))


async def test_arrows_go_through_the_toolbar(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.evaluate("document.querySelector('[data-command=mic]').focus()")
    for key, button in ((_RIGHT, "[data-command=camera]"), (_LEFT, "[data-command=mic]"), (_END, ".hang-up")):
        await ben.key(key)
        await ben.until(f"document.activeElement.matches({button!r})")
    await ben.key(_HOME)
    await ben.until("document.activeElement.matches('[data-command=mic]')")


async def test_home_and_end_go_through_a_menu(meeting: Alone) -> None:
    ben = meeting.ben
    items = "[...document.querySelectorAll('#more-menu button')].filter((b) => b.getClientRects().length)"
    await ben.press("More")
    for key, place in ((_END, -1), (_HOME, 0), (_DOWN, 1)):
        await ben.key(key)
        await ben.until(f"document.activeElement === {items}.at({place})")
    await ben.evaluate("document.querySelector('#more-menu').hidePopover()")


@pytest.mark.parametrize("width", [1280, 1024, 844, 390])
async def test_menus_open_at_their_buttons(meeting: Alone, width: int) -> None:
    ben = meeting.ben
    await ben.resize(width, 640)
    for button, menu in ((".control.more", "#more-menu"), (".hang-up", "#leave-menu")):
        await ben.click(button)
        place = f"({APART})({json.dumps([menu, button])})"
        await ben.until(f"(({{ isInside, covers, gap }}) => isInside && covers && Math.abs(gap - 8) < 1.5)({place})")
        await ben.evaluate(f"document.querySelector({menu!r}).hidePopover()")
    await ben.resize(1280, 720)


async def test_ones_own_picture_is_hidden_and_shown_again(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.choose("More", "Change layout")
    for layout in ("grid", "sidebar"):
        await ben.click(f"dialog input[value={layout}]")
        for count in (0, 1):
            await ben.click("dialog input[type=checkbox]")
            await ben.until(f"document.querySelectorAll('.tile.person').length === {count}")
    await ben.click("dialog input[value=auto]")
    await ben.close_dialog()


async def test_a_link_in_the_chat_is_one_and_nothing_is_lost_over_a_reconnect(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.press("Chat")
    for text in ("see https://example.org/a?b=1", "and on"):
        await ben.fill(".compose textarea", text)
        await ben.click(".compose button[type=submit]")
        await ben.says(text, ".messages ol:first-child")
        opened = await ben.evaluate("(window.sockets.at(-1).close(4900), window.sockets.length)")
        await ben.until(f"window.sockets.length > {opened} && document.querySelector('.banner').hidden")
    await ben.until("document.querySelector('.messages a').href === 'https://example.org/a?b=1'")
    await ben.until("document.querySelectorAll('.messages li p').length === 2")
    await ben.press("Close chat")


async def test_people_hands_and_messages_sound_unless_that_is_off(meeting: Alone) -> None:
    room, ben = meeting
    await ben.evaluate(f"(() => {{ {COUNT_CHIMES} }})()")

    async def sounds(*tones: int) -> None:
        await ben.until(f"window.chimes.length >= {len(tones)}")
        assert await ben.evaluate("window.chimes.splice(0)") == list(tones)

    async with joined(room.base, room.id, "Ana") as ana:
        await sounds(523, 784)
        await ana.call("RaiseHand", raised=True)
        await sounds(587, 740, 880)
        await ana.call("SendChat", text="Hello")
        await sounds(988)
        await ben.choose("More", "Settings")
        sound = "[...document.querySelectorAll('dialog label')].find((l) => l.textContent.startsWith('Sounds when'))"
        await ben.until(f"(() => {{ const label = {sound}; label?.click(); return !!label; }})()")
        await ben.close_dialog()
    await ben.says("Ana left", "#notices")
    assert await ben.evaluate("window.chimes") == []


async def test_devices_are_named_and_tried_in_the_settings(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.choose("More", "Settings")
    named = "[...document.querySelectorAll('dialog select')].map((s) => s.labels[0].querySelector('span').innerText)"
    names = await ben.until(f"document.querySelector('dialog') && {named}")
    assert {"Microphone", "Camera", "Video quality", "Background", "Appearance"} <= set(names)
    await ben.until("document.querySelector('dialog video')?.videoWidth > 0")
    await ben.until("document.querySelector('dialog [role=meter]').checkVisibility()")
    await ben.press("Play a test sound")
    await ben.says("If you hear nothing", "dialog")
    await ben.close_dialog()


async def test_an_invitation_is_sent_by_mail_and_put_into_a_calendar(meeting: Alone) -> None:
    room, ben = meeting
    await ben.join(new_room(room.base).host_link, "Ben")
    await ben.choose("More", "Invite people")
    await ben.press("Show link")
    link = await ben.until("document.querySelector('dialog .invitation > input')?.value")
    mail = await ben.evaluate("document.querySelector('dialog a[href^=mailto]').href")
    assert mail.startswith("mailto:?subject=Invitation%20to%20a%20meeting&body=") and link in unquote(mail)
    await ben.evaluate(_KEEP_SAVED)
    await ben.click("dialog .links-section summary")
    await ben.fill("dialog input[name=title]", "Weekly, with cake")
    await ben.press("Download for the calendar")
    name, text = await ben.until("window.saved")
    assert name == "meeting.ics" and "\r\nSUMMARY:Weekly\\, with cake\r\n" in text
    await ben.join(room.host_link, "Ben")


async def test_the_report_is_copied(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.choose("More", "Connection details")
    await ben.press("Copy report")
    report = json.loads(await ben.until("window.copied"))
    assert "Ben" not in json.dumps(report)
    await ben.close_dialog()


async def test_a_message_that_cannot_be_sent_is_sent_again(meeting: Alone, server: servers.Tertulia) -> None:
    room, ben = meeting
    async with Proxy(server.port) as proxy:
        await ben.join(room.host_link.replace(str(server.port), str(proxy.port)), "Ben")
        await ben.press("Chat")
        proxy.cut()
        await ben.says("Connection lost", ".banner")
        await ben.fill(".compose textarea", "Can you hear me?")
        await ben.click(".compose button[type=submit]")
        await ben.says("Not sent.", ".messages")
        await ben.press("Copy message")
        assert await ben.until("window.copied") == "Can you hear me?"
        proxy.mend()
        await ben.until("document.querySelector('.banner').hidden")
        await ben.evaluate("void (window.sockets.at(-1).send = () => {})")  # the line is dead
        await ben.press("Send again")
        await ben.says("Sending…", ".unsent")
        await ben.fill(".compose textarea", "Hello?")
        await ben.click(".compose button[type=submit]")
        await ben.until("document.querySelectorAll('.unsent.is-sending').length === 2")
        await ben.evaluate("window.sockets.at(-1).close(4900)")
        await ben.until("document.querySelectorAll('.unsent:not(.is-sending)').length === 2")
        await ben.click(".unsent:last-child .text-button:last-child")
        await ben.until("document.querySelectorAll('.unsent').length === 1")
        await ben.until("document.querySelector('.banner').hidden")
        await ben.press("Send again")
        await ben.until("!document.querySelector('.unsent')")
        await ben.until("[...document.querySelectorAll('.messages p')].at(-1).textContent === 'Can you hear me?'")
    await ben.join(room.host_link, "Ben")


async def test_who_speaks_while_muted_is_told_where_they_wished_it_at_the_first_mute(meeting: Alone) -> None:
    """On a machine without a device to play sound by, Firefox never measures: it gets what it would measure."""
    room, ben = meeting
    await ben.evaluate("localStorage.removeItem('tertulia.preferences')")
    await ben.join(room.host_link, "Ben")
    await ben.evaluate(_TONE)
    await ben.press("Mute")
    await ben.says("Be told when you speak while muted?", "#notices")
    await ben.press("Tell me")
    await ben.says("You are muted. The others do not hear you.", "#notices")
    await ben.click("#notices .text-button")
    await ben.until(control("Mute"))
    await ben.press("Mute")
    await ben.until(control("Unmute"))
    assert await ben.evaluate("!document.querySelector('#notices').textContent.includes('Be told')")
    await ben.press("Unmute")


async def test_a_link_with_a_password_is_made_and_asks_for_it(meeting: Alone) -> None:
    room, ben = meeting
    await ben.choose("More", "Invite people")
    await ben.click("dialog .links-section summary")
    await ben.fill("dialog input[name=password]", "correct horse")
    await ben.press("Make a link")
    link = await ben.until("document.querySelector('dialog .invitation > input').value")
    assert SHORT.search(link)
    await ben.goto(link)
    for password, words in (("a wrong guess", "This is not the password."), ("correct horse", "Join now")):
        await ben.fill("input[name=password]", password)
        await ben.click(".password-form button")
        await ben.says(words)
    await ben.join(room.host_link, "Ben")


async def test_a_short_link_is_made_and_deleted(meeting: Alone) -> None:
    ben = meeting.ben
    await ben.choose("More", "Invite people")
    await ben.press("Show link")
    link = await ben.until("document.querySelector('dialog .invitation > input')?.value")
    assert SHORT.search(link)
    await ben.click("dialog .links-section:last-child summary")
    row = _ROW_OF % json.dumps(link.split("://")[1])
    await ben.until(row)
    await ben.evaluate(f"{row}.querySelector('button').click()")
    await ben.press("Delete")
    await ben.until(f"!{row}")
    await ben.close_dialog()
    await ben.goto(link)
    await ben.says("This link does not work", "h1")


@pytest.mark.parametrize(
    ("settings", "title"),
    [({"locked": True}, "The meeting is locked"), ({"maxParticipants": 1}, "The meeting is full")],
    ids=["locked", "full"],
)
async def test_a_meeting_that_takes_nobody_says_so(meeting: Alone, settings: dict[str, object], title: str) -> None:
    base, ben = meeting.room.base, meeting.ben
    room = new_room(base)
    async with joined(base, room.id, "Ana"):
        call("PATCH", f"{base}/v1/rooms/{room.id}", {"settings": settings}, room.join_token)
        await ben.goto(room.link)
        await ben.says(title, "h1")


@pytest.mark.parametrize("size", [(1280, 720), (1024, 640), (390, 844), (844, 390)], ids=str)
async def test_the_way_through_a_meeting(meeting: Alone, size: tuple[int, int]) -> None:
    base, ben = meeting.room.base, meeting.ben
    await ben.resize(*size)
    await ben.join(new_room(base).link, "Ben")
    await ben.press("Mute")
    await ben.until(control("Unmute"))
    await ben.press("Chat")
    await ben.fill(".compose textarea", "hello")
    await ben.click(".compose button[type=submit]")
    await ben.says("hello", ".messages")
    await ben.press("Close chat")
    assert await ben.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await ben.click(".hang-up")
    await ben.says("You left the meeting", "h1")
    await ben.resize(1280, 720)


@pytest.mark.parametrize("size", [(1280, 720), (390, 844), (844, 390)], ids=str)
async def test_no_violations(meeting: Alone, size: tuple[int, int]) -> None:
    base, ben = meeting.room.base, meeting.ben
    await ben.resize(*size)
    found = {}

    async def look(screen: str) -> None:
        await ben.evaluate(f"(() => {{ {AXE.read_text()}\n }})()")
        rules = await ben.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        found[screen] = [[rule["id"], [node["html"] for node in rule["nodes"]]] for rule in rules["violations"]]

    await ben.goto(base)
    await ben.until("document.querySelector('.home .primary')")
    await look("start")
    await ben.goto(new_room(base).host_link)
    await ben.until("document.querySelector('.mirror video')?.videoWidth > 0")
    await look("lobby")
    await ben.press("Join now")
    await ben.until("document.querySelector('.tile.has-picture')")
    await look("meeting")
    for panel in ("chat", "people"):
        await ben.click(f"[data-command={panel}]")
        await ben.until(f"!document.querySelector('#{panel}').hidden")
        await look(panel)
    await ben.choose("More", "Settings")
    await ben.until("document.querySelector('dialog')")
    await look("settings")
    await ben.resize(1280, 720)
    await ben.join(meeting.room.host_link, "Ben")
    assert {screen: rules for screen, rules in found.items() if rules} == {}


@pytest.mark.parametrize("width", [320, 390])
async def test_what_is_wrong_with_a_device_is_read_whole_until_it_is_mended(meeting: Alone, width: int) -> None:
    room, ben = meeting
    await ben.evaluate("localStorage.setItem('tertulia.language', 'de')")
    await ben.resize(width, 740)
    await ben.goto(room.host_link)
    await ben.press("Jetzt teilnehmen")
    films = "document.querySelector('[data-command=camera]:not(.off)')"
    await ben.until(films)
    await ben.click("[data-command=camera]")
    await ben.evaluate(REFUSE)
    await ben.click("[data-command=camera]")
    await ben.until("document.querySelector('.notice.stays')")
    assert await ben.evaluate(NOTICES_ARE_WHOLE)
    await ben.evaluate("window.isRefused = false")
    await ben.press("Erneut versuchen")
    await ben.until(films)
    await ben.until("!document.querySelector('.notice.stays')")
    await ben.evaluate("localStorage.removeItem('tertulia.language')")
    await ben.resize(1280, 720)
    await ben.join(room.host_link, "Ben")


@pytest.mark.parametrize("size", [(844, 190), (667, 170)], ids=str)
async def test_on_a_phone_held_sideways_the_newest_message_is_above_the_keyboard(
    meeting: Alone, size: tuple[int, int]
) -> None:
    room, ben = meeting
    await ben.resize(size[0], 390)
    await ben.join(new_room(room.base).link, "Ben")
    await ben.press("Chat")
    for i in range(5):
        await ben.fill(".compose textarea", f"Line {i}")
        await ben.click(".compose button[type=submit]")
    await ben.says("Line 4", ".messages ol:first-child")
    await ben.resize(*size)
    await ben.until(_NEWEST_IS_SEEN)
    await ben.press("Chat")
    await ben.until("document.querySelector('#chat').hidden")
    await ben.resize(1280, 720)
    await ben.join(room.host_link, "Ben")


async def test_arabic_runs_from_right_to_left(meeting: Alone) -> None:
    room, ben = meeting
    await ben.evaluate("localStorage.setItem('tertulia.language', 'ar')")
    await ben.goto(room.base)
    await ben.until("document.documentElement.dir === 'rtl' && document.documentElement.lang === 'ar'")
    await ben.until("getComputedStyle(document.body).direction === 'rtl'")
    await ben.evaluate("localStorage.removeItem('tertulia.language')")
