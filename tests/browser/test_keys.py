"""The space bar speaks while it is held, and never presses a button that was clicked."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.person import Person, new_room
from tests.browser.test_control import ask

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOLD_MS = 600


async def alone(come: Come, base: str) -> Person:
    ana = await come("Ana")
    await ana.join(new_room(base).host_link)
    return ana


async def hold_space(ana: Person) -> None:
    """Holds the key as a keyboard does, with repeats, and checks that it speaks and falls silent."""
    keyboard = ana.page.keyboard
    for _ in range(3):
        await keyboard.down(" ")
        await ana.page.wait_for_timeout(HOLD_MS / 3)
    await expect(ana.button("Mute")).to_be_visible()
    await keyboard.up(" ")
    await expect(ana.button("Unmute")).to_be_visible()


async def test_hold_to_speak_after_a_click_on_mute(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Mute").click()
    await expect(ana.button("Unmute")).to_be_focused()
    async with ana.clicks_nothing():
        await hold_space(ana)


async def test_space_does_not_press_what_was_clicked(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Turn camera off").click()
    await expect(ana.button("Turn camera on")).to_be_focused()
    async with ana.clicks_nothing():
        await ana.press(" ")
    await expect(ana.button("Mute")).to_be_visible()


async def test_nor_does_it_after_a_key_that_leaves_the_focus_there(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Mute").click()
    for key in ("Escape", "ArrowDown"):
        await ana.press(key)
        async with ana.clicks_nothing():
            await ana.press(" ")
        await expect(ana.button("Unmute")).to_be_focused()


async def test_by_keyboard_a_short_press_is_the_button_s_and_a_long_one_speaks(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Mute").click()
    await ana.press("Tab")
    await expect(ana.button("Turn camera off")).to_be_focused()
    await hold_space(ana)
    await expect(ana.button("Turn camera off")).to_be_visible()
    await ana.press(" ")
    await expect(ana.button("Turn camera on")).to_be_visible()
    await expect(ana.button("Unmute")).to_be_visible()


async def test_who_joins_by_keyboard_presses_the_focused_button_with_the_first_space(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.goto(new_room(base).host_link)
    await ana.button("Join now").press("Enter")
    await expect(ana.button("Mute")).to_be_focused()
    await ana.press(" ")
    await expect(ana.button("Unmute")).to_be_focused()


async def test_in_a_menu_space_speaks_until_one_moves_in_it_by_keyboard(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Mute").click()
    await ana.button("More").click()
    menu = ana.page.get_by_role("menu")
    await hold_space(ana)
    await ana.press("End")
    await hold_space(ana)
    await expect(menu.get_by_role("menuitem", name="Connection details")).to_be_focused()
    await ana.press(" ")
    await ana.page.get_by_role("dialog", name="Connection details").wait_for()


async def test_leaving_the_window_falls_silent(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.press("m")
    await ana.page.keyboard.down(" ")
    await expect(ana.button("Mute")).to_be_visible()
    await ana.page.evaluate("dispatchEvent(new Event('blur'))")
    await expect(ana.button("Unmute")).to_be_visible()


async def test_a_dialog_stops_letters_but_not_talking(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Mute").click()
    await ana.press("?")
    dialog = ana.page.get_by_role("dialog", name="Keyboard shortcuts")
    await expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    await hold_space(ana)
    await ana.press("v")
    await expect(dialog).to_be_visible()
    await expect(ana.page.locator("[data-command=camera]")).to_have_attribute("aria-label", "Turn camera off")


async def test_space_in_a_dialog_presses_only_what_was_reached_by_keyboard(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.button("Mute").click()
    await ana.press("?")
    enabled = ana.page.get_by_role("checkbox", name="Use single-key shortcuts")
    close = ana.page.get_by_role("dialog").get_by_role("button", name="Close")
    await close.focus()
    async with ana.clicks_nothing():
        await ana.press(" ")
    await ana.press("Tab")
    await expect(enabled).to_be_focused()
    await ana.press("Shift+Tab")
    await expect(close).to_be_focused()
    await ana.press(" ")
    await expect(close).to_have_count(0)
    await expect(ana.button("Unmute")).to_be_visible()


@pytest.mark.parametrize("key", ["Enter", " "])
async def test_a_key_that_is_held_on_a_notice_does_not_press_what_gets_the_focus(
    come: Come, base: str, key: str
) -> None:
    room = new_room(base, waitingRoom=True)
    ana = await come("Ana", preferences={"shortcuts": False})  # so that Space only presses
    ben = await come("Ben")
    await ana.join(room.host_link)
    camera = ana.page.locator("[data-command=camera]")
    await ask(ben, room.link)
    await camera.focus()
    let_in = ana.page.locator("#notices").get_by_role("button", name="Let in")
    await let_in.focus()
    await ana.page.keyboard.down(key)
    if key == " ":
        await ben.button("Stop waiting").click()
    await expect(let_in).to_have_count(0)
    await expect(camera).to_be_focused()
    async with ana.clicks_nothing():
        await ana.page.keyboard.down(key)  # it is held
        await ana.page.keyboard.up(key)
    await expect(camera).to_have_attribute("aria-label", "Turn camera off")


async def test_letters_choose_in_a_list_and_space_speaks_after_a_choice_by_pointer(come: Come, base: str) -> None:
    ana = await alone(come, base)
    await ana.press("m")
    await ana.press("s")
    content = ana.page.get_by_label("What your screen shows")
    await expect(content).to_be_visible()
    await content.dispatch_event("pointerdown")
    await content.focus()
    await expect(content).to_be_focused()
    await hold_space(ana)
    await ana.press("v")
    await expect(content).to_have_value("motion")
    await expect(ana.button("Turn camera off")).to_be_visible()
    await ana.press("m")
    await expect(ana.button("Unmute")).to_be_visible()
