"""Menus where their buttons are, the focus where one goes on, large type, narrow windows, colours set by the system."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.chromium import COUNT_QUESTIONS, KEEP_TRACKS, LOSE
from tests.browser.conftest import Come
from tests.browser.person import Person, call, new_room
from tests.browser.test_chat import message, react, write
from tests.browser.test_network import RELAY_ONLY
from tests.browser.test_production import web_worker
from tests.integration import servers
from tests.waiting import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

APART = """([menu, button]) => {
  const [m, b] = [menu, button].map((selector) => document.querySelector(selector).getBoundingClientRect());
  const middle = (r) => r.x + r.width / 2;
  const isInside = m.left >= 0 && m.right <= innerWidth && m.top >= 0;
  const covers = m.left <= middle(b) && m.right >= middle(b);
  const gap = Math.max(b.top - m.bottom, m.top - b.bottom);
  return { gap, shift: Math.abs(middle(m) - middle(b)), isInside, covers };
}"""

CUT_OFF = """() => [...document.querySelectorAll("button, a, input, select, h1, h2, .clock, .recording")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".hidden"))
  .map((element) => [element, element.getBoundingClientRect()])
  .filter(([, r]) => r.width > 1 && (r.left < -0.5 || r.right > innerWidth + 0.5))
  .map(([element, r]) => `${element.outerHTML.slice(0, 80)} ${r.left} to ${r.right}`)"""
"""What sticks out of the window at its sides."""

_COVERED = """() => {
  const notices = [...document.querySelectorAll(".notice.stays")].map((notice) => notice.getBoundingClientRect());
  const meet = (a, b) => a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
  return [...document.querySelectorAll("button, select, textarea")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".notice"))
    .filter((element) => notices.some((notice) => meet(notice, element.getBoundingClientRect())))
    .map((element) => element.outerHTML.slice(0, 80));
}"""
"""What one would press or write into, and a notice that stays is over."""

_OVER_DIALOG = """() => {
  const found = [".notice.stays", "dialog"].map((selector) => document.querySelector(selector));
  const [notice, dialog] = found.map((element) => element.getBoundingClientRect());
  const isBeside = notice.right <= dialog.left || notice.left >= dialog.right;
  return !isBeside && notice.bottom > dialog.top && notice.top < dialog.bottom;
}"""

OVERLAPS = """() => {
  const shown = [...document.querySelectorAll(".controls .control")].filter((button) => button.checkVisibility());
  const boxes = shown.map((button) => button.getBoundingClientRect());
  const over = boxes.slice(1).filter((box, i) => box.left < boxes[i].right - 0.5);
  return over.length + boxes.filter((box) => box.width < 40).length;
}"""
"""How many of the controls lie over another, or are too narrow for a finger."""


FONT_SIZES = """() => [...document.querySelectorAll("#app *")]
  .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .filter((e) => !e.closest(".avatar"))
  .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
"""Of each text of the page, in pixels."""

REFUSE = """(() => {
  const media = navigator.mediaDevices;
  const ask = media.getUserMedia.bind(media);
  window.isRefused = true;
  media.getUserMedia = (wanted) =>
    window.isRefused ? Promise.reject(new DOMException("", "NotAllowedError")) : ask(wanted);
})()"""
"""From now on the browser gives no device, until ``window.isRefused`` is false."""

NOTICES_ARE_WHOLE = """[...document.querySelectorAll(".notice span")].every((words) =>
  words.scrollHeight <= words.clientHeight && words.scrollWidth <= words.clientWidth)"""

_STAYS = """async () => {{
  let found = [];
  for (let frames = 0; frames < 200; frames++) {{
    found = ({})();
    if (!found.length) break;
    await new Promise(requestAnimationFrame);
  }}
  return found;
}}"""

BANNER = """(() => {
  const [banner, words, help, end] = [".banner", ".banner > span", ".banner button", ".top-end"]
    .map((selector) => document.querySelector(selector));
  const isInside = [words, help].map((part) => part.getBoundingClientRect())
    .every((box) => box.left >= 0 && box.right <= innerWidth && box.top >= 0 && box.bottom <= innerHeight);
  const isCut = words.scrollWidth > words.clientWidth || words.scrollHeight > words.clientHeight;
  return {
    isWhole: isInside && !isCut,
    hasRow: banner.getBoundingClientRect().top >= end.getBoundingClientRect().bottom,
    isWorking: getComputedStyle(banner, "::before").content !== "none",
  };
})()"""
"""Whether one sees all of what is wrong with the connection, whether it has a row of its own, and a sign that something
is being tried."""

SIZES = ((1280, 720), (1024, 640), (390, 844), (844, 390), (320, 568))


def what_stays(script: str) -> str:
    """What a script finds also after everything has moved to where a new size of the window puts it."""
    return _STAYS.format(script)


async def nothing_is_cut_off(person: Person) -> None:
    """Checks that nothing sticks out of the window."""
    assert await person.page.evaluate(what_stays(CUT_OFF)) == []


@pytest.mark.parametrize("locale", ["en", "de"])
async def test_that_no_media_flows_is_read_whole_in_every_size(come: Come, base: str, locale: str) -> None:
    eva = await come("Eva", locale=locale, reduced_motion="reduce")
    await eva.page.add_init_script(RELAY_ONLY)
    await eva.page.goto(new_room(base).link)
    await eva.page.locator(".ready button").click()
    await eva.page.locator(".banner button").wait_for()
    cause = {"en": "Your browser found no way to send anything", "de": "Ihr Browser fand keinen Weg"}
    await expect(eva.page.get_by_role("alert")).to_contain_text(cause[locale])
    for width, height in SIZES:
        await eva.page.set_viewport_size({"width": width, "height": height})
        seen = await eva.page.evaluate(BANNER)
        assert seen == {"isWhole": True, "hasRow": width <= 640, "isWorking": False}, (width, height)
        await nothing_is_cut_off(eva)
    eva.trouble.clear()


async def join_in_the_end(person: Person, link: str) -> None:
    """Try as often as it takes: the web worker hears of a new SFU node only when it looks next."""
    meeting, refusal = person.page.locator(".meeting"), person.page.get_by_text("The server cannot do this right now.")
    async with asyncio.timeout(PATIENCE):
        while not await meeting.count():
            await person.page.goto(link)
            await person.button("Join now").click()
            await meeting.or_(refusal).first.wait_for()


async def test_that_there_is_no_media_server_is_said_until_there_is_one(come: Come, tmp_path: Path) -> None:
    with web_worker(tmp_path) as site:
        ana = await come("Ana")
        link = site.links()[0]
        await ana.page.goto(link)
        await ana.button("Join now").click()
        await ana.page.get_by_text("The server cannot do this right now.").wait_for()
        with servers.tertulia_sfu(tmp_path, settings=site.settings):
            await join_in_the_end(ana, link)
            await ana.sees("Ana (you)")
        alert = ana.page.locator(".banner").get_by_role("alert")
        await expect(alert).to_contain_text("The media server does not answer.")
        await ana.button("What to do").click()
        await ana.page.get_by_role("dialog").get_by_text("sound and video begin by themselves").wait_for()
        await ana.press("Escape")
        with servers.tertulia_sfu(tmp_path, settings=site.settings):
            await expect(alert).to_be_hidden()
        await ana.close()
        ana.trouble.clear()  # what the browser writes of the 503, and the page of a media server that is gone


@pytest.mark.parametrize("width", [320, 390])
async def test_what_is_wrong_with_a_device_is_read_whole_until_it_is_mended(come: Come, base: str, width: int) -> None:
    size, preferences = {"width": width, "height": 740}, {"micOn": False, "cameraOn": False}
    ana = await come("Ana", viewport=size, locale="de", preferences=preferences, reduced_motion="reduce")
    await ana.page.add_init_script(REFUSE)
    await ana.page.goto(new_room(base).link)
    await ana.page.locator(".ready button").click()
    mic, camera = [ana.page.locator(f"[data-command={command}]") for command in ("mic", "camera")]
    await mic.click()
    await camera.click()
    notices = ana.page.locator(".notice.stays")
    await expect(notices).to_have_count(2)
    assert await ana.page.evaluate(NOTICES_ARE_WHOLE)
    await nothing_is_cut_off(ana)
    assert await ana.page.evaluate(what_stays(_COVERED)) == []
    await ana.page.evaluate("window.isRefused = false")
    await notices.filter(has_text="Mikrofon").get_by_role("button", name="Erneut versuchen").click()
    await expect(mic).not_to_contain_class("off")
    await camera.click()  # which mends it, too
    await expect(notices).to_have_count(0)


async def test_what_has_befallen_both_devices_is_said_once(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script(KEEP_TRACKS)
    await ana.page.goto(new_room(base).link)
    await ana.page.locator(".mirror video").wait_for()
    for kind in ("audio", "video"):
        await ana.page.evaluate(LOSE, kind)
    alert = ana.page.get_by_role("alert")
    await expect(alert).to_have_text(
        "Your microphone and camera have stopped: they were unplugged, or access to them was taken away. "
        "Turn them on again by their buttons."
    )
    for button in ("Turn microphone on", "Turn camera on"):
        await ana.button(button).click()
    await expect(alert).to_be_hidden()
    await ana.button("Join now").click()
    await ana.page.locator(".meeting").wait_for()
    notices = ana.page.locator(".notice.stays")
    for kind in ("audio", "video"):
        await ana.page.evaluate(LOSE, kind)
    await expect(notices).to_have_count(1)
    await expect(notices).to_contain_text("Your microphone and camera have stopped")
    await ana.page.evaluate(COUNT_QUESTIONS)
    await ana.button("Turn on again").click()
    await ana.button("Mute").wait_for()
    await ana.button("Turn camera off").wait_for()
    assert await ana.page.evaluate("window.questions") == [["audio", "video"]]
    for kind in ("audio", "video"):
        await ana.page.evaluate(LOSE, kind)
    await ana.button("Turn camera on").click()
    await expect(notices).to_contain_text("Your microphone has stopped")  # and the camera has not any more
    await ana.button("Unmute").click()
    await expect(notices).to_have_count(0)


@pytest.mark.parametrize("width", [1280, 1024, 844, 390, 320])
async def test_menus_open_at_their_buttons(come: Come, base: str, width: int) -> None:
    ana = await come("Ana", viewport={"width": width, "height": 640}, reduced_motion="reduce")
    await ana.join(new_room(base).host_link)
    for button, selector, menu in (("More", ".control.more", "#more-menu"), ("Leave", ".hang-up", "#leave-menu")):
        await ana.button(button).click()
        place = await ana.page.evaluate(APART, [menu, selector])
        assert place["isInside"] and place["covers"] and place["gap"] == pytest.approx(8, abs=1), place
        if width == 1280:
            assert place["shift"] < 2
        await ana.press("Escape")
        await expect(ana.button(button)).to_be_focused()


async def test_an_open_menu_stays_at_its_button_when_the_window_changes(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.join(new_room(base).host_link)
    await ana.button("More").click()
    await stays_at(ana, "#more-menu", ".control.more", 700)


async def test_so_do_the_reactions_and_the_menu_of_a_message(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.join(new_room(base).host_link)
    await ana.press("c")
    await ana.page.keyboard.type("Hello")
    await ana.press("Enter")
    await ana.page.locator(".messages li").hover()
    await ana.page.locator(".message-more").click()
    await stays_at(ana, ".message-menu", ".message-more", 1024)
    await ana.page.keyboard.press("Escape")
    await ana.button("Close chat").click()
    await ana.page.locator("[data-command=react]").click()
    await stays_at(ana, "#reaction-picker", "[data-command=react]", 800)
    # There the button has gone into the menu.
    await stays_at(ana, "#reaction-picker", ".control.more", 390)


async def test_a_reaction_keeps_the_focus_while_others_write_and_react(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.join(room.link)
    for person in (ana, ben):
        await person.press("c")
    await write(ana, "Hello")
    await react(ben, "Hello", "👏")
    chip = message(ana, "Hello").get_by_role("button", name="👏")
    await chip.focus()
    await ana.page.evaluate("window.chip = document.activeElement")
    await write(ben, "Another one")
    await message(ana, "Another one").wait_for()
    await ana.press("Enter")
    await expect(chip).to_have_text("👏 2")
    await react(ben, "Hello", "👍")
    await expect(message(ana, "Hello").locator(".reaction")).to_have_text(["👍 1", "👏 1"])
    await expect(chip).to_be_focused()
    assert await ana.page.evaluate("window.chip === document.activeElement")
    await ana.press("Enter")
    await expect(message(ana, "Hello").get_by_role("button", name="React or copy")).to_be_focused()


async def stays_at(ana: Person, popover: str, button: str, width: int) -> None:
    await ana.page.set_viewport_size({"width": width, "height": 700})
    apart = f"({APART})([{popover!r}, {button!r}])"
    await ana.page.wait_for_function(f"() => {{ const p = {apart}; return p.isInside && Math.abs(p.gap - 8) < 1.5; }}")


async def test_home_end_and_arrows_in_a_menu(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.join(new_room(base).host_link)
    await ana.button("More").press("Enter")
    items = ana.page.get_by_role("menuitem")
    await expect(items.first).to_be_focused()
    await ana.press("End")
    await expect(items.last).to_be_focused()
    await ana.press("ArrowDown")
    await expect(items.first).to_be_focused()
    await ana.press("ArrowUp")
    await expect(items.last).to_be_focused()
    await ana.press("Home")
    await expect(items.first).to_be_focused()


@pytest.mark.parametrize(
    ("locale", "forward", "back"), [("en", "ArrowRight", "ArrowLeft"), ("he", "ArrowLeft", "ArrowRight")]
)
async def test_arrows_go_through_the_toolbar(come: Come, base: str, locale: str, forward: str, back: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, locale=locale)
    await ana.page.goto(new_room(base).host_link)
    await ana.page.locator(".ready button").click()
    mic, camera, leave = [ana.page.locator(at) for at in ("[data-command=mic]", "[data-command=camera]", ".hang-up")]
    await expect(mic).to_be_focused()
    for key, button in ((forward, camera), (back, mic), (back, leave), (forward, mic), ("End", leave), ("Home", mic)):
        await ana.press(key)
        await expect(button).to_be_focused()


async def test_in_a_narrow_window_the_menu_says_what_its_items_do(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 390, "height": 844})
    await ana.join(new_room(base).link)
    for does, undoes in (("Share your screen", "Stop sharing your screen"), ("Raise your hand", "Lower your hand")):
        for words in (does, undoes, does):
            await ana.button("More").click()
            await ana.page.get_by_role("menuitem", name=words, exact=True).click()


async def test_the_focus_after_joining_is_on_the_microphone_and_pins_come_later(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.link)
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.page.goto(room.host_link)
    await ana.page.get_by_label("Your name").press("Enter")
    await expect(ana.button("Mute")).to_be_focused()
    await ana.tile("Ben").wait_for()
    await ana.press("Tab")
    await expect(ana.button("Turn camera off")).to_be_focused()
    for _ in range(12):
        await ana.press("Tab")
        if await ana.page.evaluate("document.activeElement.className") == "pin":
            return
    raise AssertionError("no pin can be reached by Tab after the controls")


async def test_text_follows_the_font_size_of_the_browser(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    await ana.page.goto(new_room(base).host_link)
    for screen in ("lobby", "meeting"):
        join = ana.page.get_by_role("button", name="Join now")
        await join.wait_for()
        if screen == "meeting":
            await join.click()
            await ana.button("Mute").wait_for()
        small = await font_sizes(ana)
        await ana.page.evaluate("() => { document.documentElement.style.fontSize = '32px'; }")
        large = await font_sizes(ana)
        assert len(small) == len(large) > 5
        # The largest headings also have to fit their column.
        sizes = [(a, b) for a, b in zip(small, large, strict=True) if a < 40]
        assert all(b == pytest.approx(a * 2, rel=0.2) for a, b in sizes), sizes
        await nothing_is_cut_off(ana)
        await ana.page.evaluate("() => { document.documentElement.style.fontSize = ''; }")


async def font_sizes(person: Person) -> list[float]:
    sizes: list[float] = await person.page.evaluate(FONT_SIZES)
    return sizes


async def test_nothing_is_cut_off_at_320_pixels(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.link)
    ana = await come("Ana", viewport={"width": 320, "height": 640}, reduced_motion="reduce")
    page = ana.page
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    await nothing_is_cut_off(ana)
    await page.get_by_role("button", name="Join now").click()
    await ana.tile("Ben").wait_for()
    for open_screen in ("", "c", "p", "?"):
        if open_screen:
            await ana.press(open_screen)
        if open_screen == "?":
            await page.get_by_role("dialog").wait_for()
        await nothing_is_cut_off(ana)
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        if open_screen:
            await ana.press("Escape")
    assert await page.evaluate(OVERLAPS) == 0


async def test_with_colours_of_the_system_edges_say_what_grounds_said(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, forced_colors="active")
    await ana.join(room.host_link)
    style = "([s, pseudo, name]) => getComputedStyle(document.querySelector(s), pseudo || undefined)[name]"

    async def css(selector: str, name: str, pseudo: str = "") -> str:
        value: str = await ana.page.evaluate(style, [selector, pseudo, name])
        return value

    assert await css(".control", "borderTopWidth") == "1px"
    await ana.button("Mute").click()
    await expect(ana.page.locator("[data-command=mic]")).to_contain_class("off")
    assert await css("[data-command=mic]", "borderTopStyle") == "dashed"
    await ana.button("Chat").click()
    await expect(ana.page.locator("[data-command=chat]")).to_have_css("border-top-width", "3px")
    silent = await css(".tile", "borderTopWidth", "::after")
    await ana.page.evaluate("() => document.querySelector('.tile').classList.add('is-speaking')")
    assert (silent, await css(".tile", "borderTopWidth", "::after")) == ("1px", "4px")


_REACHABLE = """() => [...document.querySelectorAll("[data-command=mic], .hang-up, .compose textarea, .send")]
  .filter((element) => element.checkVisibility())
  .map((element) => [element, element.getBoundingClientRect()])
  .filter(([element, r]) => {
    const hit = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
    return !(element.contains(hit) && r.top >= 0 && r.bottom <= innerHeight);
  })
  .map(([element]) => element.outerHTML.slice(0, 80))"""
"""Which of the buttons that one needs at any time a finger would miss."""


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (390, 400), (844, 190), (667, 170)])
async def test_on_a_phone_mute_leave_and_the_newest_message_are_in_reach(
    come: Come, base: str, width: int, height: int
) -> None:
    room = new_room(base)
    # A tile on its way from one place to another may pass the edge of the window.
    options = {"has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}
    ana = await come("Ana", viewport={"width": width, "height": 844}, **options)
    await ana.join(room.link)
    for panel in ("c", "p"):
        await ana.press(panel)
        if panel == "c":
            for i in range(25):
                await ana.page.keyboard.type(f"Line {i}")
                await ana.press("Enter")
            await ana.page.get_by_role("log").get_by_text("Line 24").wait_for()
        await ana.page.set_viewport_size({"width": width, "height": height})
        assert await ana.page.evaluate(what_stays(_REACHABLE)) == []
        if panel == "c":
            await expect(ana.page.get_by_role("log").get_by_text("Line 24")).to_be_in_viewport(ratio=1)
        await ana.press("Escape")
        await nothing_is_cut_off(ana)


@pytest.mark.parametrize("size", [(320, 568), (430, 932), (568, 320), (667, 375)], ids=str)
async def test_on_a_phone_the_notice_of_a_recording_covers_nothing(
    come: Come, base: str, size: tuple[int, int]
) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ana = await come("Ana")
    ben = await come("Ben", viewport={"width": size[0], "height": size[1]}, has_touch=True, reduced_motion="reduce")
    await ana.join(room.host_link)
    await ben.join(room.link)
    call("POST", f"{base}/v1/rooms/{room.id}/recordings", {}, room.join_token)
    await ben.page.locator(".notice.stays").wait_for()
    await ben.sees_tiles(2)
    assert await ben.page.evaluate(what_stays(_COVERED)) == []
    await ben.button("More").click()
    await ben.page.get_by_role("menuitem", name="Settings").click()
    await ben.page.get_by_role("dialog").wait_for()
    assert not await ben.page.evaluate(_OVER_DIALOG)
    await ben.press("Escape")
    await ben.button("Chat").click()
    assert await ben.page.evaluate(what_stays(_COVERED)) == []
    await ben.page.locator(".notice.stays").get_by_role("button", name="OK").click()
    await expect(ben.page.locator(".controls")).to_have_css("margin-top", "0px")


async def test_what_cannot_be_seen_cannot_be_tapped(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.link)
    ana = await come("Ana", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    await ana.join(room.link)
    await ana.tile("Ben").dblclick()
    pin = ana.tile("Ana (you)").locator(".pin:not(.volume)")
    await expect(pin).to_have_css("opacity", "0")
    await expect(pin).to_have_css("pointer-events", "none")
