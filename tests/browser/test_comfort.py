"""Menus where their buttons are, the focus where one goes on, large type, narrow windows, colours set by the system."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

_APART = """([menu, button]) => {
  const [m, b] = [menu, button].map((selector) => document.querySelector(selector).getBoundingClientRect());
  const middle = (r) => r.x + r.width / 2;
  const isInside = m.left >= 0 && m.right <= innerWidth && m.top >= 0;
  const covers = m.left <= middle(b) && m.right >= middle(b);
  const gap = Math.max(b.top - m.bottom, m.top - b.bottom);
  return { gap, shift: Math.abs(middle(m) - middle(b)), isInside, covers };
}"""

_CUT_OFF = """() => [...document.querySelectorAll("button, a, input, select, h1, h2, .clock, .recording")]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest(".hidden"))
  .map((element) => [element, element.getBoundingClientRect()])
  .filter(([, r]) => r.width > 1 && (r.left < -0.5 || r.right > innerWidth + 0.5))
  .map(([element, r]) => `${element.outerHTML.slice(0, 80)} ${r.left} to ${r.right}`)"""
"""What sticks out of the window at its sides."""

_OVERLAPS = """() => {
  const shown = [...document.querySelectorAll(".controls .control")].filter((button) => button.checkVisibility());
  const boxes = shown.map((button) => button.getBoundingClientRect());
  const over = boxes.slice(1).filter((box, i) => box.left < boxes[i].right - 0.5);
  return over.length + boxes.filter((box) => box.width < 40).length;
}"""
"""How many of the controls lie over another, or are too narrow for a finger."""


@pytest.mark.parametrize("width", [1280, 844, 390, 320])
async def test_menus_open_at_their_buttons(come: Come, base: str, width: int) -> None:
    ana = await come("Ana", viewport={"width": width, "height": 640}, reduced_motion="reduce")
    await ana.join(new_room(base).host_link)
    for button, selector, menu in (("More", ".control.more", "#more-menu"), ("Leave", ".hang-up", "#leave-menu")):
        await ana.button(button).click()
        place = await ana.page.evaluate(_APART, [menu, selector])
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


async def stays_at(ana: Person, popover: str, button: str, width: int) -> None:
    await ana.page.set_viewport_size({"width": width, "height": 700})
    apart = f"({_APART})([{popover!r}, {button!r}])"
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
        assert await ana.page.evaluate(_CUT_OFF) == []
        await ana.page.evaluate("() => { document.documentElement.style.fontSize = ''; }")


async def font_sizes(person: Person) -> list[float]:
    script = """() => [...document.querySelectorAll("#app *")]
      .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
      .filter((e) => !e.closest(".avatar"))
      .map((e) => parseFloat(getComputedStyle(e).fontSize))"""
    sizes: list[float] = await person.page.evaluate(script)
    return sizes


async def test_nothing_is_cut_off_at_320_pixels(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.link)
    ana = await come("Ana", viewport={"width": 320, "height": 640}, reduced_motion="reduce")
    page = ana.page
    await page.goto(room.host_link)
    await page.locator(".mirror video").wait_for()
    assert await page.evaluate(_CUT_OFF) == []
    await page.get_by_role("button", name="Join now").click()
    await ana.tile("Ben").wait_for()
    for open_screen in ("", "c", "p", "?"):
        if open_screen:
            await ana.press(open_screen)
        if open_screen == "?":
            await page.get_by_role("dialog").wait_for()
        assert await page.evaluate(_CUT_OFF) == []
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        if open_screen:
            await ana.press("Escape")
    assert await page.evaluate(_OVERLAPS) == 0


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
    assert await css("[data-command=mic]", "borderTopStyle") == "dashed"
    await ana.button("Chat").click()
    assert await css("[data-command=chat]", "borderTopWidth") == "3px"
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


@pytest.mark.parametrize(("width", "height"), [(390, 844), (844, 390), (390, 400)])
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
        assert await ana.page.evaluate(_REACHABLE) == []
        if panel == "c":
            await expect(ana.page.get_by_role("log").get_by_text("Line 24")).to_be_in_viewport()
        await ana.press("Escape")
        assert await ana.page.evaluate(_CUT_OFF) == []


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
