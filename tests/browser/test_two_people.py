"""Two people in a meeting: picture, sound, and everything one can do."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Locator, expect

from tests.browser.conftest import Come
from tests.browser.person import PATIENCE, POLL_SECONDS, Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(params=["sfu", "p2p"])
def topology(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def meet(come: Come, base: str, topology: str = "sfu") -> tuple[Person, Person]:
    """Ana, the host, and Ben, who came after her."""
    room = new_room(base, topology=topology)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.join(room.host_link)
    await ben.join(room.link)
    return ana, ben


async def test_they_see_and_hear_each_other(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await asyncio.gather(ana.sees("Ben", "Ana (you)"), ben.sees("Ana", "Ben (you)"))
    await asyncio.gather(ana.decodes(1), ben.decodes(1))
    await asyncio.gather(ana.hears_tones(), ben.hears_tones())
    assert await ana.dtls_versions() == ["FEFC"]


async def test_mute_is_shown_and_silences(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await asyncio.gather(ana.hears_tones(), ben.hears_tones())
    await ben.button("Mute").click()
    await ana.tile("Ben").get_by_role("img", name="Muted").wait_for()
    await falls_silent(ana)
    await ben.button("Unmute").click()
    await expect(ana.tile("Ben").get_by_role("img", name="Muted")).to_have_count(0)
    await ana.hears_tones()


async def falls_silent(person: Person) -> None:
    """Waits until three seconds (20 frames) bring no sound: what was said before the mute may still be on its way."""
    for _ in range(5):
        before = await energy(person)
        await person.decodes(1, frames=20)
        if await energy(person) - before < 0.001:
            return
    raise AssertionError("somebody is heard who is muted")


async def energy(person: Person) -> float:
    streams = await person.inbound("audio")
    return sum(float(s.get("totalAudioEnergy", 0)) for s in streams)


async def test_camera_off_and_on(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await ana.sees("Ben")
    await ben.button("Turn camera off").click()
    await expect(ana.tile("Ben")).not_to_contain_class("has-picture")
    await expect(ana.tile("Ben").get_by_text("B", exact=True)).to_be_visible()
    await ben.button("Turn camera on").click()
    await ana.sees("Ben")


async def test_leaving_and_coming_back(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await ana.sees("Ben")
    await asyncio.gather(ana.hears("Ben left"), ben.leave())
    await ana.sees_tiles(1)
    await ben.page.get_by_role("button", name="Join again").click()
    await ben.page.get_by_role("button", name="Join now").click()
    await asyncio.gather(ana.sees("Ben"), ben.sees("Ana"))


@pytest.mark.parametrize("size", [(1280, 720), (1024, 640)], ids=str)
async def test_on_a_small_laptop_all_is_in_sight(come: Come, base: str, size: tuple[int, int]) -> None:
    ana, ben = await come("Ana", viewport={"width": size[0], "height": size[1]}), await come("Ben")
    await ana.page.goto(base)
    await in_sight(ana, ana.button("New meeting"), ana.page.get_by_label("Meeting link"))
    await ana.button("New meeting").click()
    lobby = [ana.button("Play a test sound"), ana.page.get_by_label("Your name"), ana.button("Join now")]
    await in_sight(ana, ana.page.locator(".mirror video"), *lobby)
    await ana.button("Join now").click()
    await ana.page.get_by_role("heading", name="You are the only one here").wait_for()
    await ben.join(ana.page.url)
    await ana.sees("Ben", "Ana (you)")
    bar = [ana.button(name) for name in ("Mute", "Turn camera off", "Share your screen", "More", "Leave")]
    tiles = [ana.tile(name) for name in ("Ben", "Ana (you)")]
    await in_sight(ana, *bar, *tiles)
    for key, inside in (("c", ana.page.get_by_label("Message", exact=True)), ("p", ana.button("More for Ben"))):
        await ana.press(key)
        await in_sight(ana, *bar, *tiles, inside)
        panel = await ana.page.locator(".panel:visible").bounding_box()
        boxes = [await tile.bounding_box() for tile in tiles]
        assert panel and all(box and box["x"] + box["width"] <= panel["x"] for box in boxes)
        await ana.press("Escape")
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Settings").click()
    dialog = ana.page.get_by_role("dialog")
    await in_sight(ana, dialog, dialog.get_by_role("button", name="Close"))
    await ana.press("Escape")
    await ana.leave_as_host()
    await in_sight(ana, ana.button("Join again"))


async def in_sight(person: Person, *elements: Locator) -> None:
    """Waits until all of these can be seen whole, and checks that nothing has to be scrolled to."""
    for element in elements:
        await expect(element).to_be_in_viewport(ratio=0.99)
    page = "document.documentElement"
    assert await person.page.evaluate(f"{page}.scrollWidth <= innerWidth && {page}.scrollHeight <= innerHeight")


async def test_closing_the_tab_leaves_at_once(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.tile("Ben").wait_for()
    await asyncio.gather(ana.hears("Ben left"), ben.page.close(run_before_unload=False))


async def grows_beyond(large: Locator, small: Locator) -> None:
    """Wait until one tile is more than twice as wide as another; tiles take a while to their places."""
    async with asyncio.timeout(PATIENCE / 1000):
        while True:
            one, other = await large.bounding_box(), await small.bounding_box()
            if one and other and one["width"] > 2 * other["width"]:
                return
            await asyncio.sleep(POLL_SECONDS)


async def test_screen_share_takes_the_stage(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await ana.sees("Ben")
    await asyncio.gather(ana.hears("Ben is sharing a screen"), ben.press("s"))
    screen = ana.tile("Ben’s screen")
    await expect(screen).to_contain_class("has-picture")
    await grows_beyond(screen, ana.tile("Ben"))
    await expect(ben.tile("Your screen")).to_contain_class("has-picture")
    await ana.press("s")
    for person, other in ((ana, "Ben’s screen"), (ben, "Ana’s screen")):
        for name in (other, "Your screen"):
            await expect(person.tile(name)).to_contain_class("has-picture")
    await ana.press("p")
    await expect(ana.page.get_by_text("Sharing the screen")).to_have_count(2)
    await ana.page.get_by_role("listitem").get_by_role("button", name="Pin Ben").click()
    await expect(ana.page.get_by_role("listitem").get_by_role("button", name="Unpin Ben")).to_be_focused()
    await expect(screen).to_contain_class("has-picture")
    await grows_beyond(ana.tile("Ben"), screen)
    await ana.page.get_by_role("listitem").get_by_role("button", name="Unpin Ben").click()
    await ana.press("Escape")
    await ana.press("s")
    await expect(ben.tile("Ana’s screen")).to_have_count(0)
    await ben.page.get_by_role("button", name="Stop", exact=True).click()
    await expect(screen).to_have_count(0)
    await ana.sees("Ben")
    await ben.press("s")
    await expect(screen).to_contain_class("has-picture")


async def test_chat_with_unread_badge(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ben.tile("Ana").wait_for()
    await ben.press("c")
    await ben.page.keyboard.type("Look at https://example.org/a <b>")
    await ben.press("Enter")
    await ana.button("Chat, 1 unread").click()
    said = ana.page.get_by_role("log").get_by_role("listitem")
    await expect(said).to_contain_text("Look at https://example.org/a <b>")
    await expect(said.get_by_role("link")).to_have_attribute("href", "https://example.org/a")
    await expect(ana.button("Chat")).to_be_visible()
    await expect(ben.page.get_by_role("log")).to_contain_text("You")


async def test_raised_hand(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ben.tile("Ana").wait_for()
    await ben.page.keyboard.press("h")
    await ana.hears("Ben raised a hand")
    await ana.tile("Ben").get_by_role("img", name="Hand raised").wait_for()
    await ben.page.keyboard.press("h")
    await expect(ana.tile("Ben").get_by_role("img", name="Hand raised")).to_have_count(0)


async def test_who_joins_a_running_meeting_sees_states(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ben.button("Mute").click()
    await ben.press("h")
    await ana.hears("Ben raised a hand")
    eva = await come("Eva")
    await eva.join(ana.page.url)
    await eva.tile("Ben").get_by_role("img", name="Muted").wait_for()
    await eva.tile("Ben").get_by_role("img", name="Hand raised").wait_for()
