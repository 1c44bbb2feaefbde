"""What people do in the page, by Firefox in a meeting with Chromium."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.firefox import Page, firefox
from tests.browser.person import PATIENCE, Person, Room, call, new_room
from tests.browser.test_lobby import KEEP_TRACKS, LOSE
from tests.browser.test_pictures import NAMES, fill
from tests.browser.test_views import STOP_FILMING

pytestmark = pytest.mark.asyncio(loop_scope="session")


_SHARE_A_TAB: Final = """navigator.mediaDevices.getDisplayMedia =
  () => navigator.mediaDevices.getUserMedia({ video: { mediaSource: "browser" } });"""
"""Firefox without a screen has nothing else to share."""


_SCREEN: Final = """[...document.querySelectorAll(".tile.screen.has-picture")].some(
  (tile) => tile.getAttribute("aria-label") === {!r} && tile.querySelector("video").videoWidth > 0)"""
"""The expression that finds the picture of a screen."""
_LARGEST: Final = """[...document.querySelectorAll(".tile")].reduce((a, b) =>
  b.clientWidth * b.clientHeight > a.clientWidth * a.clientHeight ? b : a).getAttribute("aria-label")"""
_IN_SIGHT: Final = """((found) => found && found.width > 0 && found.left >= 0 && found.top >= 0 &&
  found.right <= innerWidth && found.bottom <= innerHeight && document.documentElement.scrollWidth <= innerWidth
)(document.querySelector({!r})?.getBoundingClientRect())"""
"""Whether an element is on the screen, and nothing goes beyond the screen's width."""


class Meeting(NamedTuple):
    """Ana, who hosts, in Chromium; Ben in Firefox, who came after she had written."""

    room: Room
    ana: Person
    ben: Page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(browser: Browser, server: object, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Meeting]:
    base = f"http://localhost:{server.port}"  # type: ignore[attr-defined]
    room = new_room(base)
    ana = await Person.come(browser, "Ana", viewport={"width": 1280, "height": 800})
    await ana.join(room.host_link)
    await ana.press("c")
    await write(ana, "before Ben came")
    async with firefox(tmp_path_factory.mktemp("firefox")) as ben:
        await ben.prepare(KEEP_TRACKS)
        await ben.prepare(_SHARE_A_TAB)
        await ben.join(room.link, "Ben")
        await ana.tile("Ben").wait_for()
        yield Meeting(room, ana, ben)
    await ana.close()
    assert ana.trouble == []


async def write(ana: Person, text: str) -> None:
    await ana.page.get_by_label("Message", exact=True).fill(text)
    await ana.press("Enter")


async def click(ben: Page, selector: str) -> None:
    """Clicks the first element that the selector finds."""
    await ben.until(f"(() => {{ const e = document.querySelector({selector!r}); e?.click(); return !!e; }})()")


def control(name: str) -> str:
    """The expression that finds a button of the toolbar by its name."""
    return f"document.querySelector('.control[aria-label=\"{name}\"]')"


async def close(ben: Page) -> None:
    """Closes the dialog."""
    await click(ben, "dialog header button")


async def choose_layout(ben: Page, layout: str) -> None:
    await ben.choose("More", "Change layout")
    await click(ben, f"dialog input[value={layout}]")
    await close(ben)


async def test_the_history_a_private_word_and_a_reaction(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ben.until("document.querySelector('[data-command=chat]').getAttribute('aria-expanded') === 'false'")
    await click(ben, "[data-command=chat]")
    await ben.says("before Ben came", ".messages")
    ana_id = await ben.evaluate("document.querySelector('.recipient option:nth-child(2)').value")
    await ben.fill(".recipient select", ana_id)
    await ben.fill(".compose textarea", "only for you")
    await click(ben, ".compose button[type=submit]")
    await ana.page.locator(".messages").get_by_text("only for you").wait_for()
    await expect(ana.page.locator(".messages")).to_contain_text("privately")
    await ben.press("React or copy")
    await click(ben, ".message-menu .emoji-row button:nth-child(7)")
    await expect(ana.page.locator(".messages")).to_contain_text("🎉")
    await ben.press("Close chat")
    await click(ben, ".bar [data-command=react]")
    await click(ben, "#reaction-picker button")
    await ana.page.locator(".float", has_text="Ben").wait_for()


async def test_holding_space_speaks_also_after_a_click_on_mute(meeting: Meeting) -> None:
    _, ana, ben = meeting
    muted = ana.tile("Ben").get_by_role("img", name="Muted")
    await ben.press("Mute")
    await ben.evaluate(f"{control('Unmute')}.focus()")
    await muted.wait_for()
    await ben.hold(" ")
    await expect(muted).to_have_count(0)
    await ben.let_go(" ")
    await muted.wait_for()
    await ben.until(control("Unmute"))
    await ben.press("Unmute")
    await expect(muted).to_have_count(0)


async def test_another_name(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await click(ben, "[data-command=people]")
    await ben.choose("More for Ben", "Change your name")
    await ben.fill("dialog input[name=name]", "Benjamin")
    await ben.press("Save")
    await ana.tile("Benjamin").wait_for()
    await ben.choose("More for Benjamin", "Change your name")
    await ben.fill("dialog input[name=name]", "Ben")
    await ben.press("Save")
    await ana.tile("Ben").wait_for()
    await ben.press("Close people")


async def test_layouts(meeting: Meeting) -> None:
    ben = meeting.ben
    await choose_layout(ben, "speaker")
    await ben.until("document.querySelectorAll('.tile.person').length === 1")
    await choose_layout(ben, "auto")
    await ben.until("document.querySelectorAll('.tile.person').length === 2")


async def test_a_volume(meeting: Meeting) -> None:
    ben = meeting.ben
    volumes = "[...document.querySelectorAll('audio')].map(({ volume }) => volume)"
    await ben.press("Volume of Ana")
    await ben.fill("dialog input[type=range]", "0.25")
    await ben.until(f"{volumes}.includes(0.25)")
    await close(ben)
    await ben.press("People, 2")
    await ben.choose("More for Ana", "Volume of Ana")
    await ben.fill("dialog input[type=range]", "1")
    await ben.until(f"{volumes}.every((volume) => volume === 1)")
    await close(ben)
    await ben.press("Close people")


async def test_a_picture_that_stops_is_no_good_connection(meeting: Meeting) -> None:
    _, ana, ben = meeting
    bars = "document.querySelector('.tile[aria-label=Ana] .signal').dataset.bars"
    await ben.until(f"{bars} === '3'")
    await ana.page.evaluate(STOP_FILMING)
    await ben.until(f"{bars} === '0'")
    await ana.page.evaluate("window.filmAgain()")
    await ben.until(f"{bars} === '3'")


async def test_in_a_dialog_space_speaks(meeting: Meeting) -> None:
    _, ana, ben = meeting
    muted = ana.tile("Ben").get_by_role("img", name="Muted")
    await ben.press("Mute")
    await muted.wait_for()
    await ben.key("?")
    await ben.until("document.querySelector('dialog')")
    await ben.evaluate("dispatchEvent(new PointerEvent('pointerdown'))")
    await ben.hold(" ")
    await expect(muted).to_have_count(0)
    await ben.let_go(" ")
    await muted.wait_for()
    await close(ben)
    await ben.press("Unmute")
    await expect(muted).to_have_count(0)


async def test_details(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Connection details")
    await ben.says("opus", "dialog")
    await ben.says("Direct, by", "dialog")
    await close(ben)


async def test_what_a_host_decides(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ana.button("Close chat").click()
    await ana.press("p")
    for item, words in (
        ("Stop their video", "The host has stopped your video."),
        ("Let them show video", "You can turn your camera on again."),
        ("Spotlight for everyone", "You are in the spotlight"),
    ):
        await ana.button("More for Ben").click()
        await ana.page.get_by_role("menuitem", name=item).click()
        await ben.says(words, "#notices")


@pytest.mark.parametrize(
    ("kind", "words", "off", "on"),
    [
        ("audio", "Your microphone has stopped", "Unmute", "Mute"),
        ("video", "Your camera has stopped", "Turn camera on", "Turn camera off"),
    ],
)
async def test_a_lost_device_is_said_at_once_with_the_way_back(
    meeting: Meeting, kind: str, words: str, off: str, on: str
) -> None:
    _, ana, ben = meeting
    if await ben.evaluate(f"{control(off)} !== null"):
        await ben.press(off)
    await ben.until(control(on))
    await ben.evaluate(f"({LOSE})({kind!r})")
    await ben.says(words, "#notices")
    await ben.until(control(off))
    muted = ana.tile("Ben").get_by_role("img", name="Muted")
    if kind == "audio":
        await expect(muted).to_be_visible()
    else:
        await expect(ana.tile("Ben")).not_to_contain_class("has-picture")
    await ben.press("Turn on again")
    await ben.until(control(on))
    if kind == "audio":
        await expect(muted).to_have_count(0)
    else:
        await expect(ana.tile("Ben")).to_contain_class("has-picture", timeout=PATIENCE)


async def test_a_screen_is_seen_and_ones_own_has_a_preview(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ana.press("Escape")
    await ana.press("s")
    await ben.says("Ana is sharing a screen", "#notices")
    await ben.until(_SCREEN.format("Ana’s screen"))
    await ana.press("s")
    await ben.until("document.querySelectorAll('.tile.screen').length === 0")
    await ben.key("s")
    await ben.until(_SCREEN.format("Your screen"))
    await ben.says("You are sharing your screen")
    await expect(ana.tile("Ben’s screen")).to_contain_class("has-picture", timeout=PATIENCE)
    await ben.press("Stop")
    await expect(ana.tile("Ben’s screen")).to_have_count(0)
    await ben.until("document.querySelectorAll('.tile.screen').length === 0")


async def test_two_screens_at_once_and_a_person_pinned_beside_one(meeting: Meeting) -> None:
    _, ana, ben = meeting
    await ana.button("Share your screen").click()
    await ben.until(_SCREEN.format("Ana’s screen"))
    await ben.key("s")
    await ben.until(_SCREEN.format("Your screen"))
    await ben.until(_SCREEN.format("Ana’s screen"))
    for name in ("Ben’s screen", "Your screen"):
        await expect(ana.tile(name)).to_contain_class("has-picture", timeout=PATIENCE)
    await ben.press("Stop")
    await ben.until(f"{_LARGEST} === 'Ana’s screen'")
    await ben.press("Pin Ana")
    await ben.until(f"{_LARGEST} === 'Ana'")
    await ben.until(_SCREEN.format("Ana’s screen"))
    await choose_layout(ben, "speaker")
    await ben.until("document.querySelectorAll('.tile').length === 2")
    await ben.until(_SCREEN.format("Ana’s screen"))
    await choose_layout(ben, "auto")
    await ben.press("Unpin Ana")
    await ben.until(f"{_LARGEST} === 'Ana’s screen'")
    await ana.button("Stop sharing your screen").click()
    await ben.until("document.querySelectorAll('.tile.screen').length === 0")


@pytest.mark.parametrize("size", [(390, 844), (844, 390)], ids=["upright", "sideways"])
async def test_on_a_phone_all_that_one_needs_is_in_reach(meeting: Meeting, size: tuple[int, int]) -> None:
    room, _, ben = meeting
    await ben.resize(*size)
    await ben.goto(room.link)
    await ben.until(_IN_SIGHT.format(".ready button"))
    await ben.press("Join now")
    for selector in ("[data-command=mic]", ".hang-up"):
        await ben.until(_IN_SIGHT.format(f".meeting {selector}"))
    await ben.press("Chat")
    await ben.until(_IN_SIGHT.format(".compose textarea"))
    await ben.press("Close chat")
    await ben.until(_IN_SIGHT.format(".meeting .hang-up"))
    await click(ben, ".hang-up")
    await ben.says("You left the meeting")
    await ben.until(_IN_SIGHT.format(".ended h1"))
    await ben.resize(1280, 720)


async def test_links_that_lead_nowhere_show_a_page(meeting: Meeting) -> None:
    room, _, ben = meeting
    for path, title in (
        ("/foo", "There is no such page"),
        (f"/r/{uuid.uuid4()}#token=wrong", "This link does not work"),
        ("/m/2222-2222-2222", "This link does not work"),
    ):
        await ben.goto(room.base + path)
        await ben.says(title, "h1")
        await ben.until(_IN_SIGHT.format(".ended a, .ended button"))
    await ben.join(room.link, "Ben")


async def test_pages_of_tiles(meeting: Meeting) -> None:
    _, ana, ben = meeting
    room = new_room(meeting.room.base)
    crowd = await Person.open(ana.context, "Crowd")
    await crowd.page.goto(room.base)
    await fill(crowd, room, 27)
    await ben.join(room.link, "Ben")
    await ben.until("document.querySelector('.control[data-command=people] .people-count').textContent === '28'")
    names = "[...document.querySelectorAll('.tile')].map((tile) => tile.getAttribute('aria-label'))"
    await ben.until("!document.querySelector('.pager').hidden")
    first = await ben.evaluate(names)
    await ben.press("More people")
    await ben.until(f"{names}[0] !== {first[0]!r}")
    second = await ben.evaluate(names)
    assert {*first, *second} == {*NAMES[:27], "Ben (you)"} and not {*first} & {*second}
    await ben.press("Previous people")
    await ben.until(f"{names}[0] === {first[0]!r}")
    await crowd.page.close()


async def test_a_language_and_a_link_with_a_password(meeting: Meeting) -> None:
    room, _, ben = meeting
    await ben.evaluate("localStorage.setItem('tertulia.language', 'de')")
    path = f"{room.base}/v1/rooms/{room.id}/invites"
    invite = call("POST", path, {"role": "attendee", "password": "let me in"}, room.join_token)
    await ben.goto(invite["url"].replace("127.0.0.1", "localhost"))
    await ben.says("Diese Besprechung hat ein Passwort")
    await ben.fill("input[name=password]", "let me in")
    await click(ben, ".password-form button")
    await ben.until("document.querySelector('.ready button')")
    await ben.evaluate("localStorage.removeItem('tertulia.language')")


async def test_no_way_for_media_is_explained(meeting: Meeting, tmp_path: Path) -> None:
    room = new_room(meeting.room.base)
    async with firefox(tmp_path, {"media.peerconnection.ice.relay_only": True}) as page:
        await page.join(room.link, "Eva")
        await page.says("No sound or video gets through", ".banner")
        await page.press("What to do")
        await page.says("Your browser found no way to send anything between you and the media server.", "dialog")
        await page.says("no TURN server", "dialog")


async def test_a_browser_that_keeps_nothing_of_sites(meeting: Meeting, tmp_path: Path) -> None:
    _, ana, _ = meeting
    async with firefox(tmp_path, {"network.cookie.cookieBehavior": 2}) as page:
        await page.goto(meeting.room.link)
        await page.fill("input[name=name]", "Zoe")
        await page.press("Turn camera off")
        await page.press("Join now")
        await ana.tile("Zoe").wait_for()
        await page.until(control("Turn camera on"))
