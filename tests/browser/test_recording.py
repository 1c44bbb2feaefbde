"""A meeting is recorded: who may start it, who is told, who does not want to be in it."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests.browser.conftest import Come
from tests.browser.person import Person, Room, call, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILM_MS = 120_000
"""Until the film of ten seconds is there: two cores, and browsers beside it."""
TOLD = "This meeting is being recorded"
_HAS_READ: Final = "(url) => performance.getEntriesByName(url).some(({ responseEnd }) => responseEnd > 0)"
"""Whether the page has an answer from there."""


async def meet(come: Come, base: str, **settings: Any) -> tuple[Room, Person, Person]:
    """Ana, the host, and Ben, in a room that may be recorded."""
    room = new_room(base, **{"isRecordingEnabled": True, **settings})
    ana = await come("Ana", viewport={"width": 1000, "height": 700})
    ben = await come("Ben", viewport={"width": 1000, "height": 700})
    await ana.join(room.host_link)
    await ben.join(room.link)
    return room, ana, ben


async def record(person: Person) -> None:
    await person.button("Record the meeting").click()
    dialog = person.page.get_by_role("dialog", name="Record this meeting?")
    await expect(dialog).to_contain_text("Everyone in the meeting is told")
    await expect(dialog).to_contain_text("Anyone can choose not to be recorded.")
    await dialog.get_by_role("button", name="Start recording").click()


async def stop(person: Person) -> None:
    await person.button("Stop recording").click()
    dialog = person.page.get_by_role("dialog", name="Stop the recording?")
    await dialog.get_by_role("button", name="Stop recording").click()


async def is_told(person: Person) -> None:
    """The header says that the meeting is recorded, and so does a notice, which screen readers read out."""
    await expect(person.page.get_by_role("banner").get_by_text("Recording", exact=True)).to_be_visible()
    await person.hears(TOLD)


async def test_everyone_is_told_when_it_begins_and_when_it_ends(come: Come, base: str) -> None:
    room, ana, ben = await meet(come, base)
    await ana.button("Record the meeting").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await record(ana)
    for person in (ana, ben):
        await is_told(person)
    await ben.page.locator("#notices").get_by_role("button", name="OK").click()
    await expect(ben.page.locator("#notices").get_by_text(TOLD)).to_have_count(0)
    await stop(ana)
    for person in (ana, ben):
        await person.hears("The recording has stopped.")
        await expect(person.page.locator(".recording")).to_be_hidden()
    await expect(ana.button("Record the meeting")).to_be_visible()
    made = call("GET", f"{base}/v1/rooms/{room.id}/recordings", token=room.join_token)
    assert [film["kind"] for film in made].count("composite") == 1, "cancelling the first question records nothing"


async def test_who_joins_later_is_told(come: Come, base: str) -> None:
    room, ana, _ = await meet(come, base)
    await record(ana)
    await is_told(ana)
    eva = await come("Eva")
    await eva.join(room.link)
    await is_told(eva)
    await expect(eva.page.locator("#notices").get_by_role("button", name="Don’t record me")).to_be_visible()


async def test_who_does_not_want_to_be_recorded(come: Come, base: str) -> None:
    room, ana, ben = await meet(come, base)
    await record(ana)
    await ben.page.locator("#notices").get_by_role("button", name="Don’t record me").click()
    await ben.hears("You are not recorded.")
    eva = await come("Eva", viewport={"width": 1000, "height": 700})
    await eva.join(room.link)
    for person, name in ((ana, "Ben"), (eva, "Ben"), (ben, "Ben (you)")):
        await expect(person.tile(name)).to_contain_text("not recorded")
    await expect(ana.tile("Ana (you)").locator(".left-out")).to_be_hidden()
    await ana.press("p")
    await ana.page.locator(".people-list").get_by_text("Not recorded").wait_for()
    await ben.button("More").click()
    await ben.page.get_by_role("menuitem", name="Let me be recorded").click()
    for person, name in ((ana, "Ben"), (eva, "Ben"), (ben, "Ben (you)")):
        await expect(person.tile(name).locator(".left-out")).to_be_hidden()


async def test_opting_out_before_it_begins(come: Come, base: str) -> None:
    _, ana, ben = await meet(come, base)
    await ben.button("More").click()
    await ben.page.get_by_role("menuitem", name="Don’t record me").click()
    await ben.hears("You are not recorded.")
    await ben.press("h")
    await ana.tile("Ben").get_by_role("img", name="Hand raised").wait_for()
    await expect(ana.tile("Ben").locator(".left-out")).to_be_hidden()
    await record(ana)
    await ben.hears("This meeting is being recorded now. You are not.")
    await expect(ana.tile("Ben")).to_contain_text("not recorded")


async def test_only_hosts_record_and_only_where_it_is_allowed(come: Come, base: str) -> None:
    _, ana, ben = await meet(come, base)
    await ana.button("Record the meeting").wait_for()
    await ben.button("More").click()
    await ben.page.get_by_role("menuitem", name="Don’t record me").wait_for()
    await expect(ben.button("Record the meeting")).to_be_hidden()
    for settings in ({"isRecordingEnabled": False}, {"topology": "p2p"}):
        room, host, _ = await meet(come, base, **settings)
        if "topology" not in settings:
            await host.page.wait_for_function(_HAS_READ, arg=f"{base}/v1/rooms/{room.id}")
        await host.tile("Ben").wait_for()
        await host.button("More").click()
        await expect(host.page.get_by_role("menuitem", name="Settings")).to_be_visible()
        await expect(host.button("Record the meeting")).to_be_hidden()
        await expect(host.page.get_by_role("menuitem", name="Don’t record me")).to_be_hidden()


async def test_a_refusal_is_said_in_words(come: Come, base: str) -> None:
    """The settings cannot be read, so that the button is offered; the server knows better."""
    room = new_room(base)
    ana = await come("Ana", viewport={"width": 1000, "height": 700})
    await ana.context.route(re.compile(f"/v1/rooms/{room.id}$"), lambda route: route.fulfill(status=503, json={}))
    await ana.join(room.host_link)
    await record(ana)
    await ana.hears("This meeting cannot be recorded: its settings do not allow it.")
    await expect(ana.button("Record the meeting")).to_be_visible()
    await expect(ana.page.locator(".recording")).to_be_hidden()
    ana.trouble.clear()


async def test_trouble_is_told_to_hosts_alone(come: Come, base: str) -> None:
    """What the server says then is put into the connection of each."""
    room = new_room(base, isRecordingEnabled=True)
    sockets: list[WebSocketRoute] = []

    def keep(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    ana, ben = await come("Ana"), await come("Ben")
    for person, link in ((ana, room.host_link), (ben, room.link)):
        await person.page.route_web_socket(re.compile("/ws$"), keep)
        await person.join(link)
    for reason in ("disk_slow", "disk_full", "disk_full"):
        payload = {"recordingId": "r", "reason": reason}
        for socket in sockets:
            socket.send(json.dumps({"event": "RecordingTrouble", "payload": payload}))
    await ana.hears("The server’s disk is full: nothing more is recorded.")
    await expect(ana.page.locator("#notices").get_by_text("too slow")).to_have_count(0)
    await ana.press("h")
    await ben.hears("Ana raised a hand")
    await expect(ben.page.locator("#notices").get_by_text("disk")).to_have_count(0)


async def test_on_a_phone_the_menu_has_it(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 390, "height": 844})
    await ana.join(new_room(base, isRecordingEnabled=True).host_link)
    await ana.button("More").click()
    item = ana.page.get_by_role("menuitem", name="Record the meeting")
    await item.wait_for()
    await expect(ana.button("Record the meeting")).to_be_hidden()
    await item.click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Start recording").click()
    await is_told(ana)
    await ana.button("More").click()
    await ana.page.get_by_role("menuitem", name="Stop recording").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Stop recording").click()
    await ana.hears("The recording has stopped.")


async def test_a_new_meeting_of_the_start_page_can_be_recorded(come: Come, base: str) -> None:
    ana = await come("Ana", viewport={"width": 1000, "height": 700})
    await ana.page.goto(base)
    await ana.button("New meeting").click()
    await ana.button("Join now").click()
    await ana.button("Record the meeting").wait_for()


async def test_it_goes_on_when_the_host_has_left(come: Come, base: str) -> None:
    _, ana, ben = await meet(come, base)
    await record(ana)
    await is_told(ben)
    await ana.leave_as_host()
    await ben.hears("Ana left")
    await expect(ben.page.locator(".recording")).to_be_visible()
    await ana.page.get_by_role("heading", name="Recordings").wait_for()
    await expect(ana.page.locator(".film").first).to_contain_text("Being recorded now.")


async def test_the_film_is_watched_after_the_meeting(come: Come, base: str) -> None:
    _, ana, ben = await meet(come, base)
    await ana.sees("Ben")
    await record(ana)
    await is_told(ben)
    await ana.decodes(1, frames=60)  # ten seconds
    await stop(ana)
    await ana.hears("The recording has stopped.")
    await ana.leave_as_host()
    await ben.leave()
    await ana.button("Watch").click(timeout=FILM_MS)
    video = ana.page.locator(".player video")
    await video.evaluate("(video) => video.play()")
    await ana.page.wait_for_function("() => document.querySelector('.player video').currentTime > 1")
    figures = "(video) => [video.duration, video.videoWidth, video.getVideoPlaybackQuality().totalVideoFrames]"
    duration, width, frames = await video.evaluate(figures)
    assert duration > 9 and width > 0 and frames > 5
    await video.evaluate("(video) => { video.pause(); video.currentTime = 6; }")
    await ana.page.wait_for_function("() => !document.querySelector('.player video').seeking")
    assert await video.evaluate("(video) => video.currentTime") == pytest.approx(6, abs=0.1)
    await ana.page.get_by_label("Sound").select_option("Only \u2068Ben\u2069")
    await video.evaluate("(video) => video.play()")
    await ana.page.wait_for_function("() => document.querySelector('.player audio').currentTime > 6.5")
    await ana.button("Delete").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    await ana.hears("The recording was deleted.")
