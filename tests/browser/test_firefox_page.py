"""What people do in the page, by Firefox in a meeting with Chromium."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.chromium import COUNT_QUESTIONS, KEEP_TRACKS, LOSE
from tests.browser.firefox import Page, control, firefox
from tests.browser.mixed import Meeting, meeting_of_two
from tests.browser.person import Person, call, here, new_room
from tests.browser.test_comfort import BANNER, SIZES
from tests.browser.test_pictures import NAMES, fill
from tests.browser.test_views import STOP_FILMING
from tests.integration import servers

pytestmark = pytest.mark.asyncio(loop_scope="session")

_COUNT_RESUMES: Final = """window.resumes = 0; const resume = AudioContext.prototype.resume;
  AudioContext.prototype.resume = function () { window.resumes++; return resume.call(this); };"""
_SCREEN: Final = """[...document.querySelectorAll(".tile.screen.has-picture")].some(
  (tile) => tile.getAttribute("aria-label") === {!r} && tile.querySelector("video").videoWidth > 0)"""
"""The expression that finds the picture of a screen."""
_LARGEST: Final = """[...document.querySelectorAll(".tile")].reduce((a, b) =>
  b.clientWidth * b.clientHeight > a.clientWidth * a.clientHeight ? b : a).getAttribute("aria-label")"""
_IN_SIGHT: Final = """((found) => found && found.width > 0 && found.left >= 0 && found.top >= 0 &&
  found.right <= innerWidth && found.bottom <= innerHeight && document.documentElement.scrollWidth <= innerWidth
)(document.querySelector({!r})?.getBoundingClientRect())"""
"""Whether an element is on the screen, and nothing goes beyond the screen's width."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def meeting(
    browser: Browser, server: servers.Tertulia, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Meeting]:
    """Ana hosts, with the chat open."""
    async with meeting_of_two(browser, server, tmp_path_factory.mktemp("firefox"), host="Ana") as found:
        await found.ana.press("c")
        yield found


async def write(ana: Person, text: str) -> None:
    await ana.page.get_by_label("Message", exact=True).fill(text)
    await ana.press("Enter")


async def choose_layout(ben: Page, layout: str) -> None:
    await ben.choose("More", "Change layout")
    await ben.click(f"dialog input[value={layout}]")
    await ben.close_dialog()


async def test_the_history_a_private_word_and_a_reaction(meeting: Meeting) -> None:
    room, ana, ben = meeting
    await write(ana, "before Ben came")
    await ben.join(room.link, "Ben")
    await ben.until("document.querySelector('[data-command=chat]').getAttribute('aria-expanded') === 'false'")
    await ben.click("[data-command=chat]")
    await ben.says("before Ben came", ".messages")
    ana_id = await ben.evaluate("document.querySelector('.recipient option:nth-child(2)').value")
    await ben.fill(".recipient select", ana_id)
    await ben.fill(".compose textarea", "only for you")
    await ben.click(".compose button[type=submit]")
    await ana.page.locator(".messages").get_by_text("only for you").wait_for()
    await expect(ana.page.locator(".messages")).to_contain_text("privately")
    await ben.press("React or copy")
    await ben.click(".message-menu .emoji-row button:nth-child(7)")
    await expect(ana.page.locator(".messages")).to_contain_text("🎉")
    await ben.press("Close chat")
    await ben.click(".bar [data-command=react]")
    await ben.click("#reaction-picker button")
    await ana.page.locator(".float", has_text="Ben").wait_for()


async def test_holding_space_speaks_also_after_a_click_on_mute(meeting: Meeting) -> None:
    _, ana, ben = meeting
    muted = ana.tile("Ben").get_by_role("img", name="Muted")
    await ben.press("Mute")
    await ben.until(control("Unmute"))
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
    await ben.click("[data-command=people]")
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
    await ben.close_dialog()
    await ben.press("People, 2")
    await ben.choose("More for Ana", "Volume of Ana")
    await ben.fill("dialog input[type=range]", "1")
    await ben.until(f"{volumes}.every((volume) => volume === 1)")
    await ben.close_dialog()
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
    await ben.close_dialog()
    await ben.press("Unmute")
    await expect(muted).to_have_count(0)


async def test_details(meeting: Meeting) -> None:
    ben = meeting.ben
    await ben.choose("More", "Connection details")
    await ben.says("opus", "dialog")
    await ben.says("Direct, by", "dialog")
    await ben.close_dialog()


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
        await expect(ana.tile("Ben")).to_contain_class("has-picture")


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
    await expect(ana.tile("Ben’s screen")).to_contain_class("has-picture")
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
        await expect(ana.tile(name)).to_contain_class("has-picture")
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


async def test_strong_noise_suppression_is_turned_on_in_the_meeting(meeting: Meeting) -> None:
    ben = meeting.ben
    sent = """window.connections.flatMap((one) => one.getSenders()).some(({ track }) =>
      track?.kind === "audio" && track.readyState === "live" && !window.opened.some(({ id }) => id === track.id))"""
    assert not await ben.evaluate(sent)
    await ben.choose("More", "Settings")
    noise = "[...document.querySelectorAll('dialog label')].find((l) => l.textContent.startsWith('Strong noise'))"
    for is_on in (True, False):
        await ben.until(f"(() => {{ const label = {noise}; label?.click(); return !!label; }})()")
        await ben.until(f"{sent} === {json.dumps(is_on)}")
    await ben.close_dialog()
    await ben.until("document.querySelector('#notices').textContent === ''")


async def test_a_screen_is_sent_as_what_it_shows(meeting: Meeting) -> None:
    ben = meeting.ben
    sent = """window.connections.flatMap((one) => one.getSenders()).some((sender) =>
      sender.track?.contentHint === %r && sender.getParameters().encodings[0].maxFramerate === %d)"""
    await ben.key("s")
    await ben.until(sent % ("detail", 15))
    await ben.fill(".sharing select", "motion")
    await ben.until(sent % ("motion", 30))
    await ben.fill(".sharing select", "detail")
    await ben.press("Stop")


@pytest.mark.parametrize("size", [(1024, 640), (390, 844), (844, 390)], ids=["laptop", "upright", "sideways"])
async def test_on_small_screens_all_that_one_needs_is_in_reach(meeting: Meeting, size: tuple[int, int]) -> None:
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
    await ben.click(".hang-up")
    await ben.says("You left the meeting")
    await ben.until(_IN_SIGHT.format(".ended h1"))
    await ben.resize(1280, 720)


async def test_devices_are_asked_for_once_and_only_where_there_is_a_meeting(meeting: Meeting) -> None:
    room, _, ben = meeting
    await ben.prepare(COUNT_QUESTIONS)
    for path, title in (
        ("/", "Good company, wherever you are."),
        ("/foo", "There is no such page"),
        (f"/r/{uuid.uuid4()}#token=wrong", "This link does not work"),
        ("/m/2222-2222-2222", "This link does not work"),
    ):
        await ben.goto(room.base + path)
        await ben.says(title, "h1")
        await ben.until(_IN_SIGHT.format("main a, main button"))
        assert await ben.evaluate("window.questions") == []
    await ben.join(room.link, "Ben")
    assert await ben.evaluate("window.questions") == [["audio", "video"]]


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
    assert NAMES[26] in second
    await crowd.page.evaluate("window.crowd.at(-1).call('RaiseHand', { raised: true })")
    await ben.until(f"{names}.includes({NAMES[26]!r})")
    await crowd.page.close()


async def test_a_language_and_a_link_with_a_password(meeting: Meeting) -> None:
    room, _, ben = meeting
    await ben.evaluate("localStorage.setItem('tertulia.language', 'de')")
    path = f"{room.base}/v1/rooms/{room.id}/invites"
    invite = call("POST", path, {"role": "attendee", "password": "let me in"}, room.join_token)
    await ben.goto(here(invite["url"]))
    await ben.says("Diese Besprechung hat ein Passwort")
    await ben.fill("input[name=password]", "let me in")
    await ben.click(".password-form button")
    await ben.until("document.querySelector('.ready button')")
    await ben.evaluate("localStorage.removeItem('tertulia.language')")


@pytest.mark.parametrize(
    ("topology", "banner", "whom"),
    [
        ("sfu", "No sound or video gets through.", "the media server"),
        ("p2p", "No sound or video for some people.", "Ana"),
    ],
)
async def test_no_way_for_media_is_explained(
    meeting: Meeting, topology: str, banner: str, whom: str, tmp_path: Path
) -> None:
    room = new_room(meeting.room.base, topology=topology)
    ana = await Person.open(meeting.ana.context, "Ana")
    await ana.join(room.host_link)
    async with firefox(tmp_path, {"media.peerconnection.ice.relay_only": True}) as page:
        await page.join(room.link, "Eva")
        cause = f"Your browser found no way to send anything between you and {whom}."
        await page.says(f"{banner} {cause}", ".banner")
        for width, height in SIZES:
            await page.resize(width, height)
            assert await page.evaluate(BANNER) == {"isWhole": True, "hasRow": width <= 640, "isWorking": False}
        await page.press("What to do")
        await page.says(cause, "dialog")
        await page.says("no TURN server", "dialog")
    await ana.page.close()


async def test_the_level_meter_is_woken_by_a_click_and_a_lost_microphone_is_said(
    meeting: Meeting, tmp_path: Path
) -> None:
    """On a machine without a device to play sound by, Firefox never begins to measure: what is asked of it counts."""
    async with firefox(tmp_path) as page:
        for script in (KEEP_TRACKS, _COUNT_RESUMES):
            await page.prepare(script)
        await page.goto(meeting.room.link)
        await page.until("window.opened?.length === 2")
        asked = await page.evaluate("window.resumes")
        await page.tap(".mirror")
        await page.until(f"window.resumes > {asked}")
        await page.evaluate(f"({LOSE})('audio')")
        await page.says("Your microphone has stopped", ".preview")
        await page.press("Turn microphone on")
        await page.until("document.querySelector('.preview .trouble').hidden")


async def test_a_browser_that_keeps_nothing_of_sites(meeting: Meeting, tmp_path: Path) -> None:
    _, ana, _ = meeting
    async with firefox(tmp_path, {"network.cookie.cookieBehavior": 2}) as page:
        await page.goto(meeting.room.link)
        await page.fill("input[name=name]", "Zoe")
        await page.press("Turn camera off")
        await page.press("Join now")
        await ana.tile("Zoe").wait_for()
        await page.until(control("Turn camera on"))
