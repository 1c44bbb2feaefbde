"""Noise that is taken away, backgrounds, the sound of a screen, words to the muted."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Come
from tests.browser.filmed import DEVICES, IS_TOO_SLOW, KEEPS_UP, PACE, picture
from tests.browser.firefox import firefox
from tests.browser.person import PATIENCE, Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def energy(person: Person) -> float:
    return sum(float(s.get("totalAudioEnergy", 0)) for s in await person.inbound("audio"))


async def loudness(person: Person, seconds: float = 1.5) -> float:
    """Of all that is heard, by the second."""
    before = await energy(person)
    await asyncio.sleep(seconds)
    return (await energy(person) - before) / seconds


async def until_heard(person: Person, least: float) -> float:
    async with asyncio.timeout(PATIENCE / 1000):
        while (heard := await loudness(person, 0.5)) < least:
            pass
    return heard


async def test_who_speaks_while_muted_is_told_and_not_heard(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana"), await come("Ben")
    await ana.context.add_init_script(DEVICES)
    await ana.join(room.host_link)
    await ben.join(room.link)
    await ana.page.evaluate("() => { window.loudness = 0.2; }")
    await until_heard(ben, 0.001)
    assert await ana.page.locator("#notices").get_by_text("You are muted").count() == 0
    await ana.button("Mute").click()
    await ana.hears("You are muted. The others do not hear you.")
    async with asyncio.timeout(PATIENCE / 1000):
        while await loudness(ben, 0.5) > 0.0001:
            pass
    assert await ana.page.locator("#notices .notice").get_by_text("You are muted.").count() == 1
    await ana.page.locator("#notices").get_by_role("button", name="Unmute").click()
    await expect(ana.button("Mute")).to_be_visible()
    await until_heard(ben, 0.001)
    assert await ana.page.evaluate("window.asked") == 1


async def test_where_the_browser_shows_it_one_is_asked_before_being_told_once(come: Come, base: str) -> None:
    ana = await come("Ana", preferences={"mutedSpeech": "ask"})
    await ana.context.add_init_script(DEVICES)
    await ana.join(new_room(base).host_link)
    await ana.page.evaluate("() => { window.loudness = 0.2; }")
    await ana.button("Mute").click()
    await ana.hears("Be told when you speak while muted?")
    await ana.page.locator("#notices").get_by_role("button", name="Tell me").click()
    await ana.hears("You are muted. The others do not hear you.")
    await ana.press("m")
    await ana.press("m")
    await ana.button("Unmute").first.wait_for()
    assert await ana.page.locator("#notices").get_by_text("Be told").count() == 0


async def test_who_may_not_unmute_is_not_listened_to(come: Come, base: str) -> None:
    room = new_room(base, unmute="host")
    ana, ben = await come("Ana"), await come("Ben")
    for person, link in ((ana, room.host_link), (ben, room.link)):
        await person.context.add_init_script(DEVICES)
        await person.join(link)
    await expect(ben.button("Unmute")).to_be_visible()
    await ben.page.evaluate("() => { window.loudness = 0.2; }")
    # Who hears themselves later is told, and the host may unmute.
    await ana.button("Mute").click()
    await ana.page.evaluate("() => { window.loudness = 0.2; }")
    await ana.hears("You are muted. The others do not hear you.")
    assert await ben.page.locator("#notices").get_by_text("The others do not hear you").count() == 0


COUNT_CHIMES: Final = """
window.chimes = [];
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) {
  window.chimes.push(Math.round(this.frequency.value));
  start.call(this, at);
};
"""


async def test_people_hands_and_messages_sound_unless_that_is_off(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana", viewport={"width": 1280, "height": 800}), await come("Ben")
    await ana.context.add_init_script(COUNT_CHIMES)
    await ana.join(room.host_link)

    async def sounds(*tones: int) -> None:
        await ana.page.wait_for_function("(n) => window.chimes.length >= n", arg=len(tones))
        assert await ana.page.evaluate("() => window.chimes.splice(0)") == list(tones)

    await ben.join(room.link)
    await sounds(523, 784)
    await ben.press("h")
    await sounds(587, 740, 880)
    await ben.press("c")
    await ben.page.keyboard.type("Hello")
    await ben.press("Enter")
    await sounds(988)
    await ana.press("c")
    await ben.page.keyboard.type("You see this at once")
    await ben.press("Enter")
    await ana.page.get_by_role("log").get_by_text("at once").wait_for()
    await ana.press("Escape")
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Settings").click()
    await ana.page.get_by_label("Sounds when people join").uncheck()
    await ana.press("Escape")
    await ben.press("Escape")
    await ben.leave()
    await ana.hears("Ben left")
    assert await ana.page.evaluate("window.chimes") == []


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_a_screen_is_shared_with_its_sound(come: Come, base: str, topology: str) -> None:
    room = new_room(base, topology=topology)
    ana, ben = await come("Ana"), await come("Ben", viewport={"width": 1280, "height": 800})
    await ana.join(room.link)
    await ben.join(room.host_link)
    await ben.sees("Ana")
    await ana.button("Mute").click()
    await expect(ben.tile("Ana").get_by_role("img", name="Muted")).to_be_visible()
    async with asyncio.timeout(PATIENCE / 1000):
        while await loudness(ben, 0.5) > 0.0001:
            pass
    await ana.press("s")
    await ana.page.get_by_text("You are sharing your screen and its sound").wait_for(state="attached")
    await expect(ben.tile("Ana’s screen")).to_contain_class("has-picture")
    await ben.hears_tones()
    await ben.tile("Ana").hover()
    await ben.tile("Ana").get_by_role("button", name="Volume of Ana").click()
    await ben.page.get_by_role("slider").fill("0")
    volumes = "() => [...document.querySelectorAll('audio')].filter((a) => a.volume === 0).length"
    assert await ben.page.evaluate(volumes) >= 1
    await ben.press("Escape")
    await ana.press("s")
    async with asyncio.timeout(PATIENCE / 1000):
        while await loudness(ben, 0.5) > 0.0001:
            pass


_SHARE_LEFT: Final = """
navigator.mediaDevices.getDisplayMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 400, height: 300 });
  const brush = canvas.getContext("2d");
  setInterval(() => brush.fillRect(0, 0, Math.random() * 400, Math.random() * 300), 100);
  const context = new AudioContext();
  const both = new ChannelMergerNode(context, { numberOfInputs: 2 });
  const tone = new OscillatorNode(context, { frequency: 440 });
  tone.connect(both, 0, 0);
  tone.start();
  const out = new MediaStreamAudioDestinationNode(context, { channelCount: 2 });
  both.connect(out);
  return new MediaStream([...canvas.captureStream(10).getVideoTracks(), ...out.stream.getAudioTracks()]);
};
"""
"""A screen whose sound comes from the left alone."""

_SIDES: Final = """async () => {
  window.sides ??= new AudioContext();
  const receivers = window.connections.flatMap((connection) => connection.getReceivers());
  const loudest = [0, 0];
  for (const { track } of receivers.filter(({ track }) => track.kind === "audio")) {
    const split = new ChannelSplitterNode(window.sides, { numberOfOutputs: 2 });
    const source = new MediaStreamAudioSourceNode(window.sides, { mediaStream: new MediaStream([track]) });
    const ears = [0, 1].map(() => new AnalyserNode(window.sides, { fftSize: 2048 }));
    source.connect(split);
    for (const [i, ear] of ears.entries()) split.connect(ear, i);
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (const [i, ear] of ears.entries()) {
      const samples = new Float32Array(ear.fftSize);
      ear.getFloatTimeDomainData(samples);
      loudest[i] = Math.max(loudest[i], ...samples);
    }
    source.disconnect();
  }
  return loudest;
}"""
"""How loud what is heard is at the left, and at the right."""

_SYNCED: Final = """async () => {
  const connection = window.connections.findLast(({ connectionState }) => connectionState === "connected");
  const sections = connection.remoteDescription.sdp.split(/^m=/m);
  const streamOf = (mid) => sections.find((one) => one.includes(`a=mid:${mid}\\r`))?.match(/^a=msid:(\\S+)/m)?.[1];
  const inbound = [...(await connection.getStats()).values()].filter(({ type }) => type === "inbound-rtp");
  const screen = inbound.find(({ frameHeight }) => frameHeight === 300);
  const sound = inbound.find(({ kind, totalAudioEnergy }) => kind === "audio" && totalAudioEnergy > 0.001);
  return screen && sound ? [streamOf(screen.mid), streamOf(sound.mid)] : null;
}"""
"""The streams that the screen and what is heard are of; browsers play in sync what is of one stream."""


@pytest.mark.parametrize("topology", ["sfu", "p2p"])
async def test_the_sound_of_a_screen_is_stereo_and_in_sync_with_it(come: Come, base: str, topology: str) -> None:
    room = new_room(base, topology=topology)
    ana = await come("Ana", preferences={"micOn": False})
    ben = await come("Ben", preferences={"micOn": False}, viewport={"width": 1280, "height": 800})
    await ana.context.add_init_script(_SHARE_LEFT)
    await ana.join(room.link)
    await ben.join(room.host_link)
    await ben.tile("Ana").wait_for()
    await ana.press("s")
    await expect(ben.tile("Ana’s screen")).to_contain_class("has-picture")
    async with asyncio.timeout(PATIENCE / 1000):
        while (sides := await ben.page.evaluate(_SIDES))[0] < 0.1:
            pass
        while (streams := await ben.page.evaluate(_SYNCED)) is None:
            pass
    left, right = sides
    assert right < left / 10, sides
    assert streams[0] == streams[1] is not None


async def test_what_a_screen_shows_is_chosen_while_it_is_shared_and_remembered(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.join(new_room(base).host_link)
    await ana.press("s")
    content = ana.page.get_by_label("What your screen shows")
    await expect(content).to_have_value("detail")
    rates = """() => window.connections.flatMap((c) => c.getSenders())
      .filter((s) => s.track?.kind === "video" && s.getParameters().encodings[0]?.maxFramerate)
      .map((s) => `${s.track.contentHint} ${s.getParameters().encodings[0].maxFramerate}`).join()"""
    await ana.page.wait_for_function(f"() => ({rates})() === 'detail 15'")
    await content.select_option("motion")
    await ana.page.wait_for_function(f"() => ({rates})() === 'motion 30'")
    await ana.press("s")
    await ana.press("s")
    await ana.page.wait_for_function(f"() => ({rates})() === 'motion 30'")
    await expect(content).to_have_value("motion")


async def test_strong_noise_suppression_takes_noise_away_and_asks_nobody_again(come: Come, base: str) -> None:
    room = new_room(base)
    ana, ben = await come("Ana", viewport={"width": 1280, "height": 800}), await come("Ben")
    await ana.context.add_init_script(DEVICES)
    await ben.join(room.link)
    await ana.join(room.host_link)
    await ana.page.evaluate("() => { window.loudness = 0.1; }")
    noisy = await until_heard(ben, 0.0005)
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Settings").click()
    await ana.page.get_by_label("Strong noise suppression").check()
    await ana.press("Escape")
    async with asyncio.timeout(PATIENCE / 1000):
        while await loudness(ben) > noisy / 10:
            pass
    await ana.button("Mute").click()
    await ana.hears("You are muted. The others do not hear you.")
    assert await ana.page.evaluate("window.asked") == 1
    assert await ana.page.evaluate("JSON.parse(localStorage['tertulia.preferences']).strongNoiseSuppression")


async def test_noise_suppression_that_does_not_load_leaves_the_browsers_own(come: Come, base: str) -> None:
    ana = await come("Ana", preferences={"strongNoiseSuppression": True})
    await ana.context.route("**/rnnoise.wasm", lambda route: route.fulfill(status=404))
    await ana.page.goto(new_room(base).host_link)
    await ana.hears("Strong noise suppression could not be started. The browser’s own goes on.")
    await expect(ana.page.get_by_label("Strong noise suppression")).not_to_be_checked()
    await ana.button("Turn microphone off").wait_for()
    ana.trouble.clear()


_PAINT: Final = """(colour) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
  const brush = canvas.getContext("2d");
  brush.fillStyle = colour;
  brush.fillRect(0, 0, 64, 36);
  return canvas.toDataURL().split(",")[1];
}"""
"""A picture of one colour, as PNG in base64."""
_KEPT: Final = "(localStorage['tertulia.background'] ?? null)"


async def set_pace(person: Person, script: str) -> None:
    await person.context.route(f"**{PACE}", lambda route: route.fulfill(body=script, content_type="text/javascript"))


async def test_what_is_behind_a_person_is_hidden_and_the_person_is_not(come: Come, base: str, pictures: Path) -> None:
    room = new_room(base)
    ana, ben = await come("Ana", viewport={"width": 1280, "height": 800}), await come("Ben")
    await ana.context.add_init_script(DEVICES)
    await set_pace(ana, KEEPS_UP)
    await ana.page.goto(room.host_link)
    real = await picture(ana, "none", "f.mean[0] > 60")
    choice = ana.page.get_by_role("combobox", name="Background", exact=True)
    await choice.select_option("blur")
    blurred = await picture(ana, "none", f"f.mean[0] > 60 && b.spread < {real['behind']['spread'] * 0.8}")
    assert close(blurred["face"]["mean"], real["face"]["mean"], 25)
    await ana.page.screenshot(path=pictures / "blur-in-lobby.png")
    await choice.select_option("plain")
    # The wash at the upper corner.
    await picture(ana, "none", "f.mean[0] > 60 && b.mean[0] > 180 && b.mean[0] > b.mean[2] + 10 && b.spread < 20")
    await ana.page.get_by_role("button", name="Join now").click()
    await ben.join(room.link)
    seen = await picture(ben, "Ana", "f.mean[0] > 60 && b.mean[0] > 170 && b.spread < 25")
    assert close(seen["face"]["mean"], real["face"]["mean"], 40)
    await ana.page.screenshot(path=pictures / "plain-background.png")
    await ana.button("Turn camera off").click()
    await ana.button("Turn camera on").click()
    await picture(ben, "Ana", "f.mean[0] > 60 && b.mean[0] > 170 && b.spread < 25")
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Settings").click()
    async with ana.page.expect_file_chooser() as chosen:
        await choice.select_option("own")
    green = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg=="
    )
    await (await chosen.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": green})
    await ana.press("Escape")
    own = await picture(ana, "Ana (you)", "f.mean[0] > 60 && b.spread < 10 && Math.abs(b.mean[0] - 200) > 20")
    await picture(ben, "Ana", f"Math.abs(b.mean[0] - {own['behind']['mean'][0]}) < 20")
    # The camera was opened once in the lobby, and once as it was turned on again.
    assert await ana.page.evaluate("window.asked") == 2


async def test_ones_own_picture_is_kept_until_another_one_is_chosen(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1280, "height": 800})
    await ana.page.goto(new_room(base).host_link)
    choice = ana.page.get_by_role("combobox", name="Background", exact=True)
    await expect(choice.locator("option", has_text="Another picture…")).to_have_css("display", "none")
    kept = [None]
    for option, colour in (("own", "teal"), ("another", "plum")):
        async with ana.page.expect_file_chooser() as chosen:
            await choice.select_option(option)
        painted = base64.b64decode(await ana.page.evaluate(_PAINT, colour))
        await (await chosen.value).set_files({"name": "a.png", "mimeType": "image/png", "buffer": painted})
        await ana.page.wait_for_function(f"(before) => {_KEPT} !== before", arg=kept[-1])
        await expect(choice).to_have_value("own")
        kept.append(await ana.page.evaluate(_KEPT))
    await choice.select_option("none")
    await choice.select_option("own")
    await expect(choice).to_have_value("own")
    assert await ana.page.evaluate(_KEPT) == kept[-1]


def close(one: list[float], other: list[float], by: float) -> bool:
    return all(abs(a - b) < by for a, b in zip(one, other, strict=True))


async def test_a_machine_that_cannot_keep_up_shows_nothing_rather_than_the_room(come: Come, base: str) -> None:
    ana = await come("Ana", preferences={"background": "blur"}, viewport={"width": 1280, "height": 800})
    await set_pace(ana, IS_TOO_SLOW)
    await ana.join(new_room(base).host_link)
    await ana.hears("This device is too slow to hide your background.")
    await expect(ana.button("Turn camera on")).to_be_visible()
    await ana.page.get_by_role("button", name="Turn on without it").click()
    await ana.sees("Ana (you)")
    ana.trouble.clear()


@pytest.mark.parametrize(("cores", "height"), [(8, 720), (2, 360)])
async def test_a_camera_is_as_large_as_the_machine_can_bear(come: Come, base: str, cores: int, height: int) -> None:
    ana = await come("Ana", preferences={"quality": "auto"})
    await ana.context.add_init_script(f"Object.defineProperty(navigator, 'hardwareConcurrency', {{ value: {cores} }});")
    await ana.page.goto(new_room(base).host_link)
    shown = "(h) => document.querySelector('.mirror video')?.videoHeight === h"
    await ana.page.wait_for_function(shown, arg=height)


async def test_nothing_of_an_effect_is_loaded_before_it_is_chosen(come: Come, base: str) -> None:
    ana = await come("Ana")
    loaded: list[str] = []
    ana.page.on("request", lambda request: loaded.append(request.url))
    await ana.join(new_room(base).host_link)
    await ana.sees("Ana (you)")
    assert [url for url in loaded if "/effects/" in url or "/vendor/" in url] == []


async def test_firefox_suppresses_noise_and_listens_to_the_muted_only_if_asked(base: str, tmp_path: Path) -> None:
    preferences = '{"name": "Ben", "strongNoiseSuppression": true}'
    async with firefox(tmp_path) as page:
        await page.goto(f"{base}/r/nowhere")
        await page.evaluate(f"localStorage.setItem('tertulia.preferences', {preferences!r})")
        await page.goto(new_room(base).link)
        await page.until('document.querySelector(".mirror video")?.srcObject')
        await page.until("performance.getEntriesByType('resource').some(({ name }) => name.endsWith('rnnoise.wasm'))")
        await page.evaluate("document.querySelector('.ready button').click()")
        await page.until('document.querySelector(".meeting")')
        assert await page.evaluate("document.querySelector('#notices').textContent") == ""
        assert await page.evaluate("JSON.parse(localStorage['tertulia.preferences']).strongNoiseSuppression") is True
        await page.evaluate("document.querySelector('[data-action=settings]').click()")
        await page.until("document.querySelector('dialog .check input')")
        checks = "[...document.querySelectorAll('dialog .check input')].map((box) => box.checked)"
        # Noise, sounds, and speech while muted.
        assert await page.evaluate(checks) == [True, True, False]
