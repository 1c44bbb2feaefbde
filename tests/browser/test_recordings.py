"""The list of a room's recordings: how far each is, watching, hearing one person, other layouts, deleting."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser import films
from tests.browser.conftest import Come
from tests.browser.films import Recordings, film, track
from tests.browser.person import Person, new_room

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDE = {"width": 1280, "height": 800}
ISOLATES = dict.fromkeys(map(ord, "\u2068\u2069"))
"""Around what is put into a text, and not seen."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("films")
    return {
        "film.mp4": films.make_film(directory / "film.mp4"),
        "sound.webm": films.make_sound(directory / "sound.webm"),
    }


async def in_the_lobby(come: Come, base: str, recordings: Recordings) -> Person:
    """A host, before the meeting, whose list of recordings the test plays."""
    ana = await come("Ana", viewport=WIDE, timezone_id="UTC")
    await recordings.serve(ana.context)
    await ana.page.goto(new_room(base).host_link)
    return ana


def rows(person: Person) -> Locator:
    return person.page.locator(".film")


def address(base: str, name: str, signature: str = "good") -> str:
    return f"{base}/v1/files/{name}?expires=4102444800&signature={signature}"


async def test_how_far_each_is_in_words(come: Come, base: str) -> None:
    progress = {"stage": "composing", "fraction": 0.43, "expectedAt": "2026-11-28T20:31:00Z"}
    recordings = Recordings(
        [
            film("recording"),
            film("processing", progress=progress),
            film(url=address(base, "film.mp4")),
            film("failed", error="There is no picture in it."),
            film("empty"),
        ]
    )
    ana = await in_the_lobby(come, base, recordings)
    await expect(rows(ana)).to_have_count(5)
    texts = await rows(ana).all_inner_texts()
    words = (
        "Being recorded now.",
        "43%, ready at about",
        "0:20 · Everyone",
        "There is no picture in it.",
        "Nothing was",
    )
    for text, expected in zip(texts, words, strict=True):
        assert expected in text.translate(ISOLATES)
        assert "November 28, 2026 at 8:15" in text
    await expect(rows(ana).get_by_role("progressbar")).to_have_attribute("value", "0.43")
    await expect(rows(ana).get_by_role("button", name="Watch")).to_have_count(1)
    await expect(rows(ana).nth(0).get_by_role("button")).to_have_count(0)


async def test_a_film_that_becomes_ready_is_announced(come: Come, base: str) -> None:
    made = film("processing", progress={"stage": "uploading", "fraction": 0.5, "expectedAt": None})
    recordings = Recordings([made])
    ana = await in_the_lobby(come, base, recordings)
    await ana.page.get_by_text("The video is being stored.").wait_for()
    recordings.views = [film(id=made["id"], url=address(base, "film.mp4"))]
    await ana.hears("is ready.")
    await expect(ana.button("Watch")).to_be_visible()


async def test_watching_seeking_and_speed(come: Come, base: str, files: dict[str, Path]) -> None:
    ana = await in_the_lobby(come, base, Recordings([film(url=address(base, "film.mp4"))], files=files))
    await ana.button("Watch").click()
    video = ana.page.locator(".player video")
    await plays(video)
    await video.evaluate("(video) => { video.currentTime = 15; }")
    await ana.page.wait_for_function("() => document.querySelector('.player video').currentTime > 15.2")
    await ana.page.get_by_label("Speed").select_option("2 ×")
    assert await video.evaluate("(video) => video.playbackRate") == 2
    await ana.page.wait_for_function("() => document.querySelector('.player video').ended")
    link = ana.page.get_by_role("link", name="Download")
    await expect(link).to_have_attribute("href", f"{address(base, 'film.mp4')}&download=1")
    await ana.page.locator(".film").get_by_role("button", name="Close").click()
    await expect(video).to_have_count(0)
    await expect(ana.button("Watch")).to_have_attribute("aria-expanded", "false")


async def plays(video: Locator) -> None:
    await video.evaluate("(video) => video.play()")
    await video.page.wait_for_function("() => document.querySelector('.player video').currentTime > 0.5")


async def test_hearing_one_person(come: Come, base: str, files: dict[str, Path]) -> None:
    made = film(url=address(base, "film.mp4"))
    sounds = [track(made, name, url=address(base, "sound.webm")) for name in ("Ben", "Eva")]
    camera = track(made, "Zoe", source="camera", url=address(base, "film.mp4"))
    ana = await in_the_lobby(come, base, Recordings([made, *sounds, camera], files=files))
    await ana.button("Watch").click()
    choice = ana.page.get_by_label("Sound")
    assert await choice.locator("option").all_inner_texts() == [
        "Everyone",
        "Only \u2068Ben\u2069",
        "Only \u2068Eva\u2069",
    ]
    video, sound = ana.page.locator(".player video"), ana.page.locator(".player audio")
    await plays(video)
    await choice.select_option("Only \u2068Eva\u2069")
    await ana.page.wait_for_function(
        """() => {
          const [video, sound] = ["video", "audio"].map((tag) => document.querySelector(`.player ${tag}`));
          const apart = Math.abs(sound.currentTime - video.currentTime);
          return video.muted && !sound.paused && sound.currentTime > 1 && apart < 0.1;
        }"""
    )
    await video.evaluate("(video) => { video.currentTime = 12; }")
    await ana.page.wait_for_function("() => document.querySelector('.player audio').currentTime > 12.2")
    await video.evaluate("(video) => video.pause()")
    await ana.page.wait_for_function("() => document.querySelector('.player audio').paused")
    await choice.select_option("Everyone")
    await expect(sound).to_have_count(0)
    assert await video.evaluate("(video) => video.muted") is False


async def test_an_address_that_expired_while_it_was_watched_is_renewed(
    come: Come, base: str, files: dict[str, Path]
) -> None:
    made = film(url=address(base, "gone.mp4", "old"))
    recordings = Recordings([made], files=files)
    ana = await in_the_lobby(come, base, recordings)
    await ana.button("Watch").wait_for()
    recordings.views = [made | {"url": address(base, "film.mp4", "new")}]
    await ana.button("Watch").click()
    await expect(ana.page.locator(".player video")).to_have_attribute("src", address(base, "film.mp4", "new"))
    await plays(ana.page.locator(".player video"))
    ana.trouble.clear()  # the browser itself writes the 403


async def test_a_film_that_cannot_be_played_says_so(come: Come, base: str) -> None:
    ana = await in_the_lobby(come, base, Recordings([film(url=address(base, "gone.mp4"))]))
    await ana.button("Watch").click()
    await ana.page.get_by_role("alert").get_by_text("This recording cannot be played.").wait_for()
    ana.trouble.clear()


async def test_another_layout(come: Come, base: str) -> None:
    made = film(url=address(base, "film.mp4"))
    recordings = Recordings([made])
    ana = await in_the_lobby(come, base, recordings)
    await ana.button("Make another layout").click()
    dialog = ana.page.get_by_role("dialog")
    await expect(dialog.get_by_role("radio")).to_have_count(3)
    await dialog.get_by_label("Shared screen large").check()
    await dialog.get_by_role("button", name="Make it").click()
    await ana.hears("Another video is being made.")
    assert recordings.asked == [("POST", f"{made['id']}/compose", {"layout": "screen-first"})]
    await expect(rows(ana).nth(0)).to_contain_text("Shared screen large")
    await expect(rows(ana).nth(0)).to_contain_text("Waiting to be made into a video.")


async def test_a_film_that_failed_is_tried_again(come: Come, base: str) -> None:
    made = film("failed", layout="speaker")
    recordings = Recordings([made])
    ana = await in_the_lobby(come, base, recordings)
    await ana.button("Try again").click()
    await ana.hears("The video is made again.")
    assert recordings.asked == [("POST", f"{made['id']}/compose", {"layout": "speaker"})]


async def test_deleting_says_what_goes(come: Come, base: str) -> None:
    made = film(url=address(base, "film.mp4"))
    other = film(url=made["url"], recordingId=made["id"], layout="single")
    ana = await in_the_lobby(come, base, Recordings([other, made]))
    for row, words in (
        (0, "The recording’s other layouts stay."),
        (1, "its other layouts and the sound of each person"),
    ):
        await rows(ana).nth(row).get_by_role("button", name="Delete").click()
        await expect(ana.page.get_by_role("dialog")).to_contain_text(words)
        await ana.press("Escape")


async def test_deleting_is_confirmed_first(come: Come, base: str) -> None:
    made = film(url=address(base, "film.mp4"))
    recordings = Recordings([made])
    ana = await in_the_lobby(come, base, recordings)
    await ana.button("Delete").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert recordings.asked == []
    await ana.button("Delete").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    await ana.hears("The recording was deleted.")
    assert recordings.asked == [("DELETE", made["id"], None)]
    await expect(ana.page.get_by_role("region", name="Recordings")).to_be_hidden()


async def test_many_are_shown_when_asked_for(come: Come, base: str) -> None:
    ana = await in_the_lobby(come, base, Recordings([film("failed") for _ in range(7)]))
    await expect(rows(ana)).to_have_count(5)
    await ana.button("Show all 7 recordings").click()
    await expect(rows(ana)).to_have_count(7)
    await expect(rows(ana).nth(5).get_by_role("button").first).to_be_focused()


async def test_access_that_has_expired_is_explained(come: Come, base: str) -> None:
    ana = await in_the_lobby(come, base, Recordings([], status=401))
    await ana.page.get_by_text("Your access to the recordings has expired.").wait_for()
    ana.trouble.clear()


async def test_guests_see_no_recordings(come: Come, base: str) -> None:
    recordings = Recordings([film("failed")])
    ben = await come("Ben")
    await recordings.serve(ben.context)
    asked: list[str] = []
    ben.page.on("request", lambda request: asked.append(request.url))
    await ben.join(new_room(base).link)
    await ben.leave()
    assert [url for url in asked if url.endswith("/recordings")] == []
    await expect(ben.page.get_by_role("heading", name="Recordings")).to_have_count(0)


async def test_after_the_meeting(come: Come, base: str) -> None:
    ana = await in_the_lobby(come, base, Recordings([film("processing")]))
    await ana.page.get_by_role("button", name="Join now").click()
    await ana.button("Leave").click()
    await ana.page.get_by_role("menuitem", name="Leave the meeting").click()
    await ana.page.get_by_role("heading", name="You left the meeting").wait_for()
    await expect(rows(ana)).to_contain_text("Waiting to be made into a video.")
