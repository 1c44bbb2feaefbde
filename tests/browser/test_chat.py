"""Chat as people see it: earlier messages, private ones, reactions, links that are safe."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Come
from tests.browser.firefox import firefox
from tests.browser.person import Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_CLIPBOARD = "() => { navigator.clipboard.write = () => Promise.reject(new DOMException('', 'NotAllowedError')); }"
"""As on a page that the browser does not let copy."""
SELECTED = "({ value, selectionStart, selectionEnd }) => value.slice(selectionStart, selectionEnd)"


async def write(person: Person, text: str) -> None:
    await person.page.get_by_role("textbox", name="Message").fill(text)
    await person.press("Enter")


def message(person: Person, text: str) -> Locator:
    return person.page.get_by_role("log").get_by_role("listitem").filter(has_text=text)


async def react(person: Person, text: str, emoji: str) -> None:
    await message(person, text).hover()
    await message(person, text).get_by_role("button", name="React or copy").click()
    await person.page.get_by_role("button", name=emoji, exact=True).locator("visible=true").click()


async def test_who_comes_later_reads_what_was_written_and_reacts(come: Come, base: str, pictures: Path) -> None:
    room = new_room(base)
    ana, ben = await come("Ana", viewport={"width": 1280, "height": 800}), await come("Ben")
    await ana.join(room.host_link)
    await ana.press("c")
    await write(ana, "See https://example.org/a?b=1, <b>please</b> not javascript:alert(1)")
    await ben.join(room.link)
    await ben.press("c")
    paragraph = message(ben, "please").locator("p")
    link = paragraph.get_by_role("link")
    await expect(link).to_have_attribute("href", "https://example.org/a?b=1")
    assert "noopener" in (await link.get_attribute("rel") or "")
    assert await paragraph.locator("b").count() == 0
    assert await ben.page.locator(".control .unread").is_hidden()
    await react(ben, "please", "👍")
    chip = message(ana, "please").get_by_role("button", name="👍 1: Ben")
    await expect(chip).to_have_attribute("aria-pressed", "false")
    await chip.click()
    await expect(message(ben, "please").locator(".reaction")).to_have_text("👍 2")
    await message(ben, "please").locator(".reaction").click()
    await expect(message(ana, "please").locator(".reaction")).to_have_text("👍 1")
    await ana.page.screenshot(path=pictures / "chat-reactions.png")
    await ana.page.get_by_role("button", name="React", exact=True).click()
    await ana.page.locator(".emoji-menu button").nth(6).click()
    await ben.page.locator(".float", has_text="Ana").wait_for(state="attached")
    await ben.hears("Ana reacted: ")
    await ben.page.evaluate(NO_CLIPBOARD)
    await message(ben, "please").hover()
    await message(ben, "please").get_by_role("button", name="React or copy").click()
    await ben.page.get_by_role("button", name="Copy message").click()
    byhand = ben.page.get_by_role("dialog", name="Copy message").get_by_role("textbox")
    await expect(byhand).to_be_focused()
    assert await byhand.evaluate(SELECTED) == "See https://example.org/a?b=1, <b>please</b> not javascript:alert(1)"


async def test_a_private_message_is_for_one(come: Come, base: str, pictures: Path) -> None:
    room = new_room(base)
    people = [await come(name) for name in ("Ana", "Ben", "Cem")]
    ana, ben, cem = people
    await ana.join(room.host_link)
    for person in (ben, cem):
        await person.join(room.link)
    for person in people:
        await person.press("c")
    await ana.page.get_by_label("To", exact=True).select_option(label="Ben")
    await write(ana, "only for you")
    await message(ana, "privately to Ben").wait_for()
    await message(ben, "only for you").get_by_text("privately").wait_for()
    await ana.page.screenshot(path=pictures / "chat-private.png")
    await message(ben, "only for you").hover()
    await message(ben, "only for you").get_by_role("button", name="React or copy").click()
    await ben.page.get_by_role("button", name="Write to Ana privately").click()
    await write(ben, "thank you")
    await message(ana, "thank you").wait_for()
    await ben.button("Close chat").click()
    await write(ana, "one more word")
    await ben.hears("Ana, privately: one more word")
    await ben.leave()
    await write(ana, "are you gone?")
    await message(ana, "Not sent").wait_for()
    await ana.page.get_by_label("To", exact=True).select_option(label="Everyone")
    await write(ana, "to all")
    await message(cem, "to all").wait_for()
    assert await message(cem, "only for you").count() == 0
    assert await message(cem, "thank you").count() == 0
    assert await message(cem, "are you gone?").count() == 0


async def test_firefox_reads_and_reacts(come: Come, base: str, tmp_path: Path, pictures: Path) -> None:
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    await ana.press("c")
    await write(ana, "before Firefox")
    async with firefox(tmp_path) as page:
        await page.goto(room.link)
        await page.until('document.querySelector("input[name=name]")')
        await page.evaluate(
            """(() => { const name = document.querySelector("input[name=name]"); name.value = "Ben";
            name.form.requestSubmit(); })()"""
        )
        await page.until('document.querySelector(".meeting")')
        await page.evaluate('document.querySelector("[data-command=chat]").click()')
        await page.until('document.querySelector(".messages li p")?.textContent === "before Firefox"')
        await page.evaluate('document.querySelector(".message-more").click()')
        await page.until('document.querySelector(".message-menu:popover-open")')
        await page.picture(pictures / "firefox-chat.png")
        await page.evaluate('document.querySelector(".message-menu .emoji-row button").click()')
        await page.evaluate(f"({NO_CLIPBOARD})()")
        await page.evaluate('document.querySelector(".message-more").click()')
        await page.until('document.querySelector(".message-menu:popover-open")')
        await page.evaluate('document.querySelector(".message-menu > button").click()')
        await page.until('document.activeElement.matches("dialog .by-hand")')
        await page.picture(pictures / "firefox-copy-by-hand.png")
        assert await page.evaluate(f"({SELECTED})(document.activeElement)") == "before Firefox"
        await page.evaluate('document.querySelector("dialog").close()')
        await message(ana, "before Firefox").get_by_role("button", name="👍 1: Ben").wait_for()


async def test_what_was_written_stays_once_over_a_new_page(come: Come, base: str) -> None:
    """A page that is loaded again has each message once, whichever way it comes."""
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    await ana.press("c")
    await write(ana, "one")
    await message(ana, "one").wait_for()
    await ana.page.reload()
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.page.wait_for_selector(".meeting")
    await ana.press("c")
    await write(ana, "two")
    await expect(ana.page.get_by_role("log").locator("p")).to_have_text(["one", "two"])


async def test_in_safari_the_enter_that_confirms_a_composition_sends_nothing(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.join(new_room(base).host_link)
    await ana.press("c")
    field = ana.page.get_by_role("textbox", name="Message")
    await field.fill("こんにちは")
    confirm = "(field, init) => field.dispatchEvent(new KeyboardEvent('keydown', init))"
    init = {"key": "Enter", "keyCode": 229, "bubbles": True, "cancelable": True}
    assert await field.evaluate(confirm, init) is True
    await expect(field).to_have_value("こんにちは")
    await ana.press("Enter")
    await message(ana, "こんにちは").wait_for()
