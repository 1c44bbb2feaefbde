"""How a meeting is seen: layouts, one's own picture, the whole screen, a window above others, volumes, figures."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest
from playwright.async_api import async_playwright, expect

from tests.browser import chromium
from tests.browser.conftest import Come
from tests.browser.person import Person, new_room
from tests.browser.test_pictures import fill

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESKTOP = {"width": 1280, "height": 800}

STOP_FILMING: Final = """(() => {
  const open = window.connections.filter(({ connectionState }) => connectionState !== "closed");
  const senders = open.flatMap((connection) => connection.getSenders());
  const films = senders.filter(({ track }) => track?.kind === "video").map((sender) => [sender, sender.track]);
  window.filmAgain = () => Promise.all(films.map(([sender, track]) => sender.replaceTrack(track)));
  return Promise.all(films.map(([sender]) => sender.replaceTrack(null)));
})()"""

FILM_SILENTLY: Final = """async ([roomId, displayName]) => {
  const { Hub, Rest, Roster, newUuid } = await import("/static/protocol.js");
  const { SfuLink } = await import("/static/media/sfu/link.js");
  const [camera] = (await navigator.mediaDevices.getUserMedia({ video: true })).getVideoTracks();
  const grant = () => new Rest(location.origin).join(roomId, newUuid(), displayName);
  const hub = new Hub({ roomId, grant, state: () => ({ isMuted: true, isVideoOn: false }) });
  const tracks = new Map([["camera", camera]]);
  const link = new SfuLink({ hub, roster: new Roster(hub), userId: "", iceServers: [], tracks });
  await hub.join();
  window.stopFilming = () => link.setTrack("camera", null);
}"""
"""Somebody who never says that their camera is on."""

SAY_FILMING: Final = """async ([roomId, displayName]) => {
  const { Hub, Rest, newUuid } = await import("/static/protocol.js");
  const grant = () => new Rest(location.origin).join(roomId, newUuid(), displayName);
  const hub = new Hub({ roomId, grant, state: () => ({ isMuted: true, isVideoOn: true }) });
  await hub.join();
  window.saying = hub;
}"""
"""Somebody who says that their camera is on, and sends nothing."""


async def choose(person: Person, item: str) -> None:
    await person.button("More").click()
    await person.page.get_by_role("menuitem", name=item).click()


async def meet(come: Come, base: str, topology: str = "sfu") -> tuple[Person, Person]:
    room = new_room(base, topology=topology)
    ana = await come(
        "Ana", viewport=DESKTOP, reduced_motion="reduce", permissions=["clipboard-read", "clipboard-write"]
    )
    ben = await come("Ben")
    await ana.join(room.host_link)
    await ben.join(room.link)
    await ana.tile("Ben").wait_for()
    return ana, ben


_KEEP_SFU = """const Native = WebSocket;
window.WebSocket = class extends Native {
  constructor(url) {
    super(url);
    window.hub = this;
    this.addEventListener("message", ({ data }) => {
      const { event, payload } = JSON.parse(data);
      if (event === "SfuEndpoint") window.transportId = payload.transportId;
    });
  }
};"""
_LIMIT = """(limits) => {
  const { user: userId } = document.querySelector(".tile.person:not(.own)").dataset;
  const videos = limits.map((limit) => ({ ...limit, userId, reason: "bandwidth" }));
  const data = JSON.stringify({ event: "VideosLimited", payload: { transportId: window.transportId, videos } });
  window.hub.dispatchEvent(new MessageEvent("message", { data }));
}"""
"""The server says what the line limits."""

_PAUSE = _LIMIT.replace("VideosLimited", "VideosPaused")
"""The same of what it does not take."""


async def test_layouts_are_chosen_and_kept(come: Come, base: str) -> None:
    ana, _ = await meet(come, base)
    await choose(ana, "Change layout")
    dialog = ana.page.get_by_role("dialog", name="Layout")
    await dialog.get_by_label("Speaker: only").check()
    await ana.sees_tiles(1)
    await expect(ana.tile("Ben")).to_be_visible()
    await dialog.get_by_label("Sidebar").check()
    await ana.sees_tiles(2)
    large, small = await ana.tile("Ben").bounding_box(), await ana.tile("Ana (you)").bounding_box()
    assert large is not None and small is not None and large["width"] > 3 * small["width"]
    await dialog.get_by_label("Hide my own picture").check()
    await ana.sees_tiles(1)
    await dialog.get_by_label("Grid").check()
    await expect(ana.tile("Ana (you)")).to_have_count(0)
    await ana.page.reload()
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.tile("Ben").wait_for()
    await expect(ana.tile("Ana (you)")).to_have_count(0)
    await choose(ana, "Change layout")
    await expect(dialog.get_by_label("Grid")).to_be_checked()


async def test_shared_screens_are_seen_in_every_layout(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await choose(ana, "Change layout")
    await ana.page.get_by_role("dialog", name="Layout").get_by_label("Speaker: only").check()
    await ana.press("Escape")
    await ben.press("s")
    screens = ana.page.locator(".tile.screen.has-picture")
    await expect(screens).to_have_count(1)
    await ana.sees_tiles(0)
    await ana.press("p")
    await ana.page.get_by_role("listitem").get_by_role("button", name="Pin Ben").click()
    await expect(ana.tile("Ben’s screen")).to_contain_class("has-picture")
    await ana.press("s")
    await expect(ana.tile("Your screen")).to_contain_class("has-picture")
    await expect(ana.page.locator(".tile")).to_have_count(3)
    large, small = await ana.tile("Ben").bounding_box(), await ana.tile("Ben’s screen").bounding_box()
    assert large is not None and small is not None and large["width"] > 2 * small["width"]


async def test_a_notice_can_be_used_over_a_dialog(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await choose(ana, "Settings")
    await ben.press("c")
    await ben.page.get_by_label("Message", exact=True).fill("hello")
    await ben.press("Enter")
    dialog = ana.page.get_by_role("dialog", name="Settings")
    await dialog.get_by_role("button", name="Open chat").click()
    await expect(dialog).to_have_count(0)
    await expect(ana.page.locator(".messages")).to_contain_text("hello")
    await ben.button("Close chat").click()
    await ben.press("h")
    await ana.hears("Ben raised a hand")


async def test_the_button_that_opened_the_reactions_closes_them(come: Come, base: str) -> None:
    ana = await come("Ana", viewport=DESKTOP)
    await ana.join(new_room(base).link)
    for is_open in (True, False, True):
        await ana.page.get_by_role("toolbar").get_by_role("button", name="React").click()
        assert await ana.page.locator("#reaction-picker").evaluate("(p) => p.matches(':popover-open')") is is_open
    await ana.page.locator("#reaction-picker").get_by_role("button", name="🎉").click()
    await ana.page.locator(".float").wait_for()
    await expect(ana.page.locator("#reaction-picker")).to_be_hidden()


async def test_the_more_menu_is_short_and_settings_lead_to_the_shortcuts(come: Come, base: str) -> None:
    ana = await come("Ana", viewport=DESKTOP)
    await ana.join(new_room(base).host_link)
    await ana.button("More").click()
    await expect(ana.page.get_by_role("menuitem").locator("visible=true")).to_have_count(7)
    await ana.page.get_by_role("menuitem", name="Settings").click()
    await ana.button("Keyboard shortcuts").click()
    await ana.page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()


async def test_the_meeting_fills_the_screen(come: Come, base: str) -> None:
    ana = await come("Ana", viewport=DESKTOP)
    await ana.join(new_room(base).link)
    await ana.press("f")
    await ana.page.wait_for_function("() => document.fullscreenElement === document.documentElement")
    await choose(ana, "Leave full screen")
    await ana.page.wait_for_function("() => document.fullscreenElement === null")


async def test_the_meeting_floats_in_a_window_and_comes_back(come: Come, base: str) -> None:
    ana, ben = await meet(come, base)
    await ana.sees("Ben")
    async with ana.context.expect_page() as opening:
        await choose(ana, "Picture-in-picture")
    floating = await opening.value
    tile = floating.get_by_role("article", name="Ben", exact=True)
    await tile.wait_for()
    await expect(tile).to_contain_class("has-picture")
    assert await tile.evaluate("(tile) => !tile.querySelector('video').paused")
    await floating.get_by_role("button", name="Mute", exact=True).click()
    await expect(ana.button("Unmute")).to_have_count(1)
    # Keys count there, too: Ana looks at this window.
    await floating.keyboard.press("m")
    await expect(floating.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    await floating.keyboard.press("v")
    await expect(floating.get_by_role("button", name="Turn camera on")).to_be_visible()
    await floating.keyboard.press("m")
    await floating.keyboard.down(" ")
    await expect(floating.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    await floating.keyboard.up(" ")
    await expect(floating.get_by_role("button", name="Unmute", exact=True)).to_be_visible()
    # Its dialogs are of the page, which comes to the front.
    await ana.page.evaluate("window.focus = () => { document.documentElement.dataset.front = 'yes'; }")
    await tile.hover()
    await floating.get_by_role("button", name="Volume of Ben").click()
    await ana.page.get_by_role("slider", name="Volume of Ben").wait_for()
    await expect(ana.page.locator("html")).to_have_attribute("data-front", "yes")
    await ana.page.get_by_role("dialog").get_by_role("button", name="Close").click()
    await floating.keyboard.press("c")
    await ana.page.get_by_role("textbox", name="Message").wait_for()
    await ana.button("Bring the meeting back here").click()
    await ana.sees("Ben")
    await expect(ana.page.get_by_text("in a window of its own")).to_have_count(0)
    await ben.sees_tiles(2)


async def test_a_picture_that_does_not_come_is_no_good_connection(come: Come, base: str) -> None:
    room = new_room(base)
    crowd, ana = await come("Crowd"), await come("Ana", viewport=DESKTOP)
    await crowd.page.goto(base)
    await crowd.page.evaluate(SAY_FILMING, [room.id, "Ben"])
    await ana.join(room.link)
    await ana.tile("Ben").wait_for()
    await ana.tile("Ben").get_by_role("img", name="The picture does not come").wait_for()


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_a_picture_that_stops_is_no_good_connection(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await ana.sees("Ben")
    signal = ana.tile("Ben").locator(".signal")
    await expect(signal).to_have_attribute("data-bars", "3")
    # Nobody says that the camera is off, and the connection lives.
    await ben.page.evaluate(STOP_FILMING)
    await ana.tile("Ben").get_by_role("img", name="The picture does not come").wait_for()
    await ben.page.evaluate("window.filmAgain()")
    await expect(signal).to_have_attribute("data-bars", "3")
    await ana.sees("Ben")


async def test_a_video_that_the_line_limits_is_said_to_be(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana", viewport=DESKTOP), await come("Ben")
    await ana.page.add_init_script(_KEEP_SFU)
    await ben.join(room.host_link)
    await ana.join(room.link)
    signal = ana.tile("Ben").locator(".signal")
    await expect(signal).to_have_attribute("data-bars", "3")
    await ana.page.evaluate(_LIMIT, [{"source": "camera", "height": 180, "fewerFrames": True}])
    await expect(signal).to_have_attribute("aria-label", "Your connection is too slow for full quality")
    await expect(signal).to_have_attribute("data-bars", "2")
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Connection details").click()
    details = ana.page.get_by_role("dialog")
    because = "because of your connection"
    await expect(details).to_contain_text(f"smaller {because} · fewer frames {because}")
    await ana.press("Escape")
    await ana.page.evaluate(_LIMIT, [])
    await expect(signal).to_have_attribute("aria-label", "Good connection")
    await ana.page.evaluate(_PAUSE, [{"source": "camera"}])
    await expect(signal).to_have_attribute("aria-label", "Video paused: slow connection")


async def test_a_camera_that_nobody_says_is_on_counts_while_it_films(come: Come, base: str) -> None:
    room = new_room(base)
    ana, others = await come("Ana"), await come("Others")
    await others.page.goto(base)
    await others.page.evaluate(FILM_SILENTLY, [room.id, "Silent"])
    await ana.join(room.link)
    await ana.sees("Silent")
    await fill(others, room, 12)
    await expect(ana.button("More people")).to_be_visible()
    # Somebody who says that their camera is on takes the tile of somebody without one.
    await others.page.evaluate(SAY_FILMING, [room.id, "Loud"])
    await ana.tile("Loud").wait_for()
    await ana.sees("Silent")
    await ana.press("p")
    row = ana.page.get_by_role("listitem").filter(has_text="Silent")
    await row.get_by_role("img", name="Camera on").wait_for()
    await others.page.evaluate("window.stopFilming()")
    await row.get_by_role("img", name="Camera off").wait_for()


async def test_a_long_name_takes_two_lines_and_is_whole_in_its_tooltip(come: Come, base: str) -> None:
    long = "Wilhelmina Alexandra Bartholomew-Featherstonehaugh of the Department of Exceedingly Long Names"
    room = new_room(base)
    ana, wilhelmina = await come("Ana", viewport=DESKTOP), await come(long)
    await ana.join(room.host_link)
    await wilhelmina.join(room.link)
    await ana.press("p")
    names = ana.page.locator(".people-list .name")
    one, two = names.filter(has_text="Ana"), names.filter(has_text="Wilhelmina")
    await expect(two).to_have_attribute("title", long)
    height = "(name) => name.getBoundingClientRect().height"
    assert await two.evaluate(height) == pytest.approx(2 * await one.evaluate(height), abs=2)
    assert await two.evaluate("(name) => name.scrollHeight > name.clientHeight")
    await expect(ana.page.locator(".tile .name", has_text="Wilhelmina")).to_have_attribute("title", long)


async def test_somebody_is_made_quieter(come: Come, base: str) -> None:
    ana, _ = await meet(come, base)
    await ana.hears_tones()
    await ana.tile("Ben").hover()
    await ana.button("Volume of Ben").click()
    await ana.page.get_by_role("slider", name="Volume of Ben").fill("0.25")
    await expect(ana.page.get_by_role("status")).to_contain_text(["25%"])
    volumes = "[...document.querySelectorAll('audio')].map(({ volume }) => volume)"
    await ana.page.wait_for_function(f"() => {volumes}.includes(0.25)")
    await ana.press("Escape")
    await ana.tile("Ben").hover()
    await ana.button("Volume of Ben").click()
    await expect(ana.page.get_by_role("slider", name="Volume of Ben")).to_have_value("0.25")
    await ana.page.reload()
    await ana.button("Join now").click()
    await ana.page.wait_for_function(f"() => {volumes}.includes(0.25)")


async def test_somebody_is_made_quieter_by_touch_on_a_phone(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben")
    ana = await come("Ana", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    await ben.join(room.host_link)
    await ana.join(room.link)
    await ana.hears_tones()
    await ana.button("People, 2").tap()
    await ana.button("More for Ben").tap()
    await expect(ana.page.get_by_role("menuitem").locator("visible=true")).to_have_count(1)
    await ana.page.get_by_role("menuitem", name="Volume of Ben").tap()
    await ana.page.get_by_role("slider", name="Volume of Ben").fill("0.25")
    await ana.page.wait_for_function(
        "() => [...document.querySelectorAll('audio')].some(({ volume }) => volume === 0.25)"
    )


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_what_is_measured_is_shown_and_copied(come: Come, base: str, topology: str) -> None:
    ana, ben = await meet(come, base, topology)
    await ana.sees("Ben")
    await choose(ana, "Connection details")
    dialog = ana.page.get_by_role("dialog", name="Connection details")
    of_ben = dialog.locator("section", has=ana.page.get_by_role("heading", name="Ben"))
    own = dialog.locator("section", has=ana.page.get_by_role("heading", name="What you send"))
    for section in (own, of_ben):
        await expect(section).to_contain_text("Microphone")
        await expect(section).to_contain_text("Opus", ignore_case=True)
        await expect(section.locator("dd", has_text="320 × 180")).to_contain_text("kb/s")
    # With an SFU, everyone's media goes by the same path: to the server.
    term = "Path to the server" if topology == "sfu" else "Path"
    path = of_ben.locator("div").filter(has=ana.page.get_by_role("term").get_by_text(term, exact=True))
    await expect(path.get_by_role("definition")).to_have_text(re.compile(r"^Direct, by UDP · \d+ ms$"))
    await dialog.get_by_role("button", name="Copy report").click()
    await ana.hears("Report copied.")
    report = json.loads(await ana.page.evaluate("navigator.clipboard.readText()"))
    assert report["topology"] == topology and report["hub"] == "joined"
    sources = {(stream["userId"] == "", stream["source"]) for stream in report["streams"]}
    assert sources == {(is_own, source) for is_own in (True, False) for source in ("microphone", "camera")}
    of_others = [stream for stream in report["streams"] if stream["userId"]]
    assert all(stream["path"]["to"] == ("server" if topology == "sfu" else stream["userId"]) for stream in of_others)
    assert "Ben" not in json.dumps(report)
    assert ben.trouble == []


async def test_a_phone_turns_to_its_other_camera(come: Come, base: str) -> None:
    room = new_room(base)
    ben = await come("Ben")
    await ben.join(room.link)
    async with async_playwright() as playwright:
        browser = await chromium.launch(playwright, "--use-fake-device-for-media-stream=fps=6,device-count=2")
        ana = await Person.come(browser, "Ana", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
        device = """() => document.querySelector(".mirrored").srcObject.getVideoTracks()[0].getSettings().deviceId"""
        await ana.page.goto(room.link)
        await ana.page.locator(".mirror video").wait_for()
        for _ in "there", "back":
            before = await ana.page.evaluate(device)
            await ana.button("Use the other camera").click()
            await ana.page.wait_for_function(f"(before) => ({device})() !== before", arg=before)
        await ana.button("Join now").click()
        await ana.sees("Ana (you)")
        cameras = await ana.page.evaluate(
            """async () => (await navigator.mediaDevices.enumerateDevices())
              .filter(({ kind }) => kind === "videoinput").map(({ deviceId }) => deviceId)"""
        )
        assert len(cameras) == 2
        seen = [await ana.page.evaluate(device)]
        for _ in cameras:
            await ana.button("More").click()
            await ana.page.get_by_role("menuitem", name="Use the other camera").click()
            await ana.page.wait_for_function(f"(before) => ({device})() !== before", arg=seen[-1])
            seen.append(await ana.page.evaluate(device))
        assert seen in ([cameras[0], cameras[1], cameras[0]], [cameras[1], cameras[0], cameras[1]])
        await ana.sees("Ana (you)")
        await ben.sees("Ana")
        await browser.close()
    assert ana.trouble == []


async def test_a_camera_that_the_system_blocks_is_told_of_with_the_way_back(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.join(new_room(base).host_link)
    await ana.sees("Ana (you)")
    video = ana.page.locator(".tile.own video")
    await video.evaluate("""(video) => {
      const [track] = video.srcObject.getVideoTracks();
      Object.defineProperty(track, "muted", { value: true });
      track.dispatchEvent(new Event("mute"));
    }""")
    blocked = ana.page.get_by_text("Your camera gives no picture")
    await blocked.wait_for()
    await ana.page.locator("#notices").get_by_role("button", name="Turn on again").click()
    await expect(blocked).to_have_count(0)
    live = "() => !document.querySelector('.own video').srcObject.getVideoTracks()[0].muted"
    await ana.page.wait_for_function(live, polling=250)


async def test_a_rear_camera_is_not_mirrored(come: Come, base: str) -> None:
    ana = await come("Ana")
    await ana.page.add_init_script("""
      const settings = MediaStreamTrack.prototype.getSettings;
      MediaStreamTrack.prototype.getSettings = function () {
        return { ...settings.call(this), facingMode: window.facing };
      };
    """)
    await ana.join(new_room(base).host_link)
    await ana.sees("Ana (you)")
    video = ana.page.locator(".tile.own video")
    await expect(video).to_have_class("mirrored")
    await ana.page.evaluate("window.facing = 'environment'")
    await ana.press("m")
    await expect(video).not_to_have_class("mirrored")
