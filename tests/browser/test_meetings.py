"""The page of a tenant's meetings: by API key on a closed server, without one in development."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect
from websockets.sync.client import ClientConnection

from tests.browser.conftest import Come
from tests.browser.films import Recordings, film
from tests.browser.firefox import firefox
from tests.browser.person import Person, call, new_room
from tests.browser.test_accessibility import violations
from tests.browser.test_languages import all_is_from_the_catalogue, mark_the_catalogue
from tests.integration import servers
from tests.integration.rest.conftest import Rest, new_id, next_frame, started

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEPT = "[sessionStorage.getItem('tertulia.key'), localStorage.getItem('tertulia.key')]"


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    """A web worker that asks for credentials; its storage, its Redis and its rooms are these tests' own."""
    directory = tmp_path_factory.mktemp("meetings-page")
    with ExitStack() as stack:
        _, redis = stack.enter_context(servers.embedded_valkey(directory))
        yield stack.enter_context(started(directory, redis, f"sqlite:///{directory / 'test.db'}"))


@contextmanager
def present(rest: Rest, room: str, name: str, user: str) -> Iterator[ClientConnection]:
    """Somebody in the meeting."""
    with rest.joined(room, rest.token(room, user, displayName=name)) as socket:
        yield socket


async def sign_in(person: Person, rest: Rest, at: str = "") -> None:
    await person.page.goto(f"{rest.web.url}/meetings{at}")
    await person.page.get_by_label("API key").fill(rest.key)
    await person.press("Enter")
    await person.page.locator(".desk-nav").wait_for()
    forgive(person)


def forgive(person: Person) -> None:
    """The browser itself writes to the console what the API refuses, such as the nodes of a closed server."""
    person.trouble[:] = [text for text in person.trouble if "the server responded with a status of 40" not in text]


async def test_a_key_is_asked_for_and_kept_as_long_as_one_wishes(come: Come, closed: Rest) -> None:
    ana = await come("Ana")
    page = ana.page
    await page.goto(closed.web.url)
    await page.get_by_role("link", name="All meetings, their links and recordings").click()
    field = page.get_by_label("API key")
    await expect(field).to_be_focused()
    await field.fill("a guess")
    await ana.press("Enter")
    await page.get_by_role("alert").get_by_text("This is not an API key").wait_for()
    await field.fill("tk_" + "x" * 43)
    await ana.press("Enter")
    await page.get_by_role("alert").get_by_text("This key is unknown or was revoked.").wait_for()
    assert await page.evaluate(KEPT) == [None, None]
    await field.fill(f" {closed.key} ")
    await ana.press("Enter")
    await expect(page.get_by_role("heading", name="Meetings", level=1)).to_be_focused()
    await page.get_by_text("There are no meetings to show.").wait_for()
    await expect(page.get_by_role("link", name="Media servers")).to_have_count(0)
    assert await page.evaluate(KEPT) == [closed.key, None]
    assert closed.key not in page.url
    await page.reload()
    await page.get_by_text("There are no meetings to show.").wait_for()
    await ana.button("Forget the key").click()
    await field.fill(closed.key)
    await page.get_by_label("Remember the key on this device").check()
    await ana.press("Enter")
    await page.locator(".desk-nav").wait_for()
    assert await page.evaluate(KEPT) == [None, closed.key]
    await page.evaluate("localStorage.setItem('tertulia.key', 'tk_revoked')")
    await page.reload()
    await page.get_by_role("alert").get_by_text("The key is not valid any more.").wait_for()
    assert await page.evaluate(KEPT) == [None, None]
    assert closed.key not in closed.web.log()
    forgive(ana)


async def test_a_meeting_is_made_changed_and_deleted(come: Come, closed: Rest) -> None:
    ana = await come("Ana", timezone_id="Europe/Madrid")
    page = ana.page
    await sign_in(ana, closed)
    await ana.button("New meeting").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Title").fill("Weekly, with cake")
    await dialog.get_by_label("Begins at").fill("2031-05-06T09:30")
    await dialog.get_by_label("Let people wait until a host lets them in").check()
    await dialog.get_by_label("Share their screen").uncheck()
    await dialog.get_by_label("How many people at once").fill("7")
    await ana.press("Enter")
    await page.get_by_role("heading", name="Weekly, with cake").wait_for()
    room_id = page.url.split("#")[1]
    room = closed.ok("GET", f"/v1/rooms/{room_id}")
    assert (room["title"], room["scheduledFor"]) == ("Weekly, with cake", "2031-05-06T07:30:00.000Z")
    wanted = {"waitingRoom": True, "share": "host", "chat": "everyone", "maxParticipants": 7}
    assert room["settings"].items() >= (wanted | {"isRecordingEnabled": True, "topology": "sfu"}).items()
    await page.get_by_text("Not begun · Planned for May 6, 2031 at 9:30 AM").wait_for()
    await page.get_by_text("A link is valid for 30 days at most.").wait_for()
    await ana.button("Change").click()
    await dialog.get_by_label("Begins at").fill("")
    await dialog.get_by_label("Only hosts may join").check()
    await dialog.get_by_role("button", name="Save").click()
    await ana.hears("The changes are saved.")
    room = closed.ok("GET", f"/v1/rooms/{room_id}")
    assert (room["scheduledFor"], room["settings"]["allowedRoles"]) == (None, ["host"])
    await ana.button("Delete").click()
    question = page.get_by_role("dialog", name="Delete this meeting?")
    await question.get_by_role("button", name="Cancel").click()
    await ana.button("Delete").click()
    await question.get_by_role("button", name="Delete").click()
    await page.get_by_role("heading", name="Meetings", level=1).wait_for()
    closed.refused("GET", f"/v1/rooms/{room_id}", status=404, code="not_found")
    await page.go_back()
    await page.get_by_role("heading", name="There is no such meeting").wait_for()
    forgive(ana)


async def test_who_is_in_it_is_seen_removed_and_let_go(come: Come, closed: Rest) -> None:
    room, eva, max_ = closed.room(), new_id(), new_id()
    ana = await come("Ana")
    page = ana.page
    await sign_in(ana, closed, f"#{room}")
    await page.get_by_text("Nobody is in the meeting.").wait_for()
    with present(closed, room, "Eva", eva) as first, present(closed, room, "Max", max_) as second:
        await page.get_by_text("2 people").wait_for()
        await page.get_by_text("Running now").first.wait_for()
        await ana.button("Remove Eva").click()
        await (
            page.get_by_role("dialog", name="Remove Eva from the meeting?").get_by_role("button", name="Remove").click()
        )
        next_frame(first, lambda frame: frame.get("event") == "Removed")
        await page.get_by_text("1 person").wait_for()
        await expect(ana.button("Remove Eva")).to_have_count(0)
        await ana.button("End the meeting").click()
        question = page.get_by_role("dialog", name="End the meeting for everyone?")
        await question.get_by_role("button", name="End the meeting").click()
        next_frame(second, lambda frame: frame.get("event") == "RoomEnded")
    await page.get_by_text("Nobody is in the meeting.").wait_for()
    await expect(page.locator(".sessions li")).to_have_count(1)
    await expect(ana.button("End the meeting")).to_be_hidden()
    await page.get_by_role("link", name="All meetings").click()
    await page.get_by_label("Show").select_option(label="Over")
    await page.locator(f"a[href='#{room}']").wait_for()
    await page.get_by_label("Show").select_option(label="Running now")
    await page.get_by_text("There are no meetings to show.").wait_for()


async def test_links_are_made_copied_and_deleted(come: Come, closed: Rest, tmp_path: Path) -> None:
    room = closed.room()
    closed.ok("PATCH", f"/v1/rooms/{room}", {"title": "Board", "scheduledFor": in_days(2)})
    ana = await come("Ana", permissions=["clipboard-read", "clipboard-write"])
    page = ana.page
    await sign_in(ana, closed, f"#{room}")
    await page.get_by_text("There are no links yet.").wait_for()
    await ana.button("New link").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Whoever opens it joins as").select_option(label="Co-hosts")
    await dialog.get_by_label("Valid for").select_option(label="1 day")
    await dialog.get_by_label("How many people may use it").fill("3")
    await dialog.get_by_label("Password").fill("correct horse")
    await dialog.get_by_role("button", name="Make a link").click()
    row = page.locator(".links li")
    await expect(row).to_contain_text("Co-hosts · used 0 of 3 times")
    await expect(row).to_contain_text("with a password")
    await row.get_by_role("button", name="Copy invite link").click()
    await ana.hears("Invite link copied.")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"{re.escape(closed.web.url)}/m/[-2-9a-z]{{14}}", copied)
    async with page.expect_download() as downloading:
        await ana.button("Download for the calendar").click()
    file = await downloading.value
    await file.save_as(tmp_path / "meeting.ics")
    assert "\r\nSUMMARY:Board\r\n" in (tmp_path / "meeting.ics").read_bytes().decode()
    await expect(row).to_have_count(2)
    for left in (1, 0):
        await row.first.get_by_role("button", name="Delete this link").click()
        await page.get_by_role("dialog", name="Delete this link?").get_by_role("button", name="Delete").click()
        await expect(row).to_have_count(left)
        await expect(row.first.get_by_role("button").last if left else ana.button("New link")).to_be_focused()
    assert closed.ok("GET", f"/v1/rooms/{room}/invites") == []


async def test_a_meeting_is_recorded_and_joined_from_here(come: Come, base: str) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ana, ben = await come("Ana"), await come("Ben")
    await ben.join(room.link)
    await ana.page.goto(f"{base}/meetings#{room.id}")
    await ana.button("Record the meeting").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Start recording").click()
    await ben.hears("This meeting is being recorded now.")
    await ana.page.get_by_text("Being recorded now.").wait_for()
    await ana.button("Stop recording").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Stop recording").click()
    await ben.hears("The recording has stopped.")
    await ana.button("Record the meeting").wait_for()
    await ana.button("Join as host").click()
    await ana.button("Join now").click()
    await ana.tile("Ben").wait_for()
    assert ana.page.url == room.link
    await ana.press("p")
    await ana.page.get_by_text("You · Host").wait_for()


async def test_recordings_are_watched_downloaded_and_deleted(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    recordings = Recordings([film(url=f"{base}/v1/files/none"), film("processing")])
    await recordings.serve(ana.context)
    await ana.page.goto(f"{base}/meetings#{room.id}")
    rows = ana.page.locator(".film")
    await expect(rows).to_have_count(2)
    await expect(rows.first.get_by_role("link", name="Download")).to_have_attribute("href", re.compile("download=1"))
    await rows.first.get_by_role("button", name="Watch").wait_for()
    await rows.first.get_by_role("button", name="Delete").click()
    await ana.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(rows).to_have_count(1)


async def test_what_cannot_be_read_is_said_and_read_again(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    page = ana.page
    await page.goto(f"{base}/meetings#{room.id}")
    await page.get_by_text("Nobody is in the meeting.").wait_for()
    await ana.context.set_offline(True)
    trouble = page.get_by_role("alert").get_by_text("The server does not answer.").first
    await trouble.wait_for()
    await ana.context.set_offline(False)
    await page.get_by_role("button", name="Try again").first.click()
    await trouble.wait_for(state="hidden")
    ana.trouble.clear()  # the browser's own word about being offline


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_screen_is_accessible_and_says_nothing_but_texts(come: Come, base: str, scheme: str) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ana = await come("Ana", viewport={"width": 1280, "height": 800}, color_scheme=scheme, reduced_motion="reduce")
    page = ana.page
    await mark_the_catalogue(page)
    found = {}
    for at, ready in (("", ".card"), ("#nodes", ".node"), (f"#{room.id}", ".part")):
        await page.goto(f"{base}/meetings{at}")
        await page.locator(ready).first.wait_for()
        await all_is_from_the_catalogue(ana)
        found[at] = await violations(page)
    for button, name in ((".part-actions button", "link"), (".room-actions .secondary", "form")):
        await page.locator(button).first.click()
        await page.locator("dialog").wait_for()
        await all_is_from_the_catalogue(ana)
        found[name] = await violations(page)
        await ana.press("Escape")
    assert {name: problems for name, problems in found.items() if problems} == {}


async def test_the_key_screen_is_accessible(come: Come, closed: Rest) -> None:
    ana = await come("Ana", reduced_motion="reduce")
    await ana.page.goto(f"{closed.web.url}/meetings")
    await ana.page.get_by_label("API key").fill("x")
    await ana.press("Enter")
    await ana.page.get_by_role("alert").wait_for()
    assert await violations(ana.page) == []
    forgive(ana)


@pytest.mark.parametrize("locale", ["ar", "de"])
async def test_nothing_sticks_out_on_the_narrowest_phone(come: Come, base: str, locale: str) -> None:
    room = new_room(base, isRecordingEnabled=True)
    ana = await come("Ana", locale=locale, viewport={"width": 320, "height": 640})
    for at, ready in (("", ".card"), ("#nodes", ".node"), (f"#{room.id}", ".part")):
        await ana.page.goto(f"{base}/meetings{at}")
        await ana.page.locator(ready).first.wait_for()
        assert await ana.page.evaluate("document.documentElement.scrollWidth") <= 320
        assert await ana.page.evaluate("document.dir") == ("rtl" if locale == "ar" else "ltr")


async def test_what_a_meeting_is_stands_in_its_lobby_and_its_invitations(come: Come, base: str) -> None:
    room = new_room(base)
    call("PATCH", f"{base}/v1/rooms/{room.id}", {"title": "Weekly, with cake", "scheduledFor": "2031-05-06T07:30:00Z"})
    ana = await come("Ana", timezone_id="Europe/Madrid")
    page = ana.page
    await page.goto(room.host_link)
    await expect(page.locator(".topic")).to_have_text("Weekly, with cakePlanned for May 6, 2031 at 9:30 AM")
    await expect(page).to_have_title("Weekly, with cake · Tertulia")
    assert await violations(page) == []
    await ana.button("Join now").click()
    await page.get_by_role("button", name="More", exact=True).click()
    await page.get_by_role("menuitem", name="Invite people").click()
    await page.get_by_text("Link with a password or for the calendar").click()
    await expect(page.get_by_role("dialog").get_by_label("Title")).to_have_value("Weekly, with cake")
    await expect(page.get_by_role("dialog").get_by_label("Begins at")).to_have_value("2031-05-06T09:30")


async def test_in_firefox(base: str, tmp_path: Path) -> None:
    async with firefox(tmp_path) as page:
        await page.goto(f"{base}/meetings")
        await page.until('document.querySelector(".screen-head .primary")')
        await page.evaluate('document.querySelector(".screen-head .primary").click()')
        filled = """(() => {
          const { title, when } = document.querySelector("dialog form").elements;
          [title.value, when.value] = ["From Firefox", "2031-05-06T09:30"];
          document.querySelector("dialog [type=submit]").click();
        })()"""
        await page.evaluate(filled)
        await page.until('document.querySelector(".links + *, .part .desk-empty") && location.hash.length === 37')
        assert await page.evaluate('document.querySelector("h1").textContent') == "From Firefox"
        assert await page.evaluate('getComputedStyle(document.querySelector(".parts")).display') == "grid"
        room = (await page.evaluate("location.hash"))[1:]
    assert call("GET", f"{base}/v1/rooms/{room}")["title"] == "From Firefox"


async def test_in_firefox_by_an_api_key(closed: Rest, tmp_path: Path) -> None:
    async with firefox(tmp_path) as page:
        await page.goto(f"{closed.web.url}/meetings")
        for key, words in (("tk_" + "x" * 43, "This key is unknown or was revoked."), (closed.key, "Forget the key")):
            await page.fill(".key-form input", key)
            await page.evaluate("document.querySelector('.key-form').requestSubmit()")
            await page.says(words)
        assert await page.evaluate(KEPT) == [closed.key, None]
        await page.press("New meeting")
        await page.fill("dialog input[name=title]", "By the key")
        await page.evaluate("document.querySelector('dialog [type=submit]').click()")
        await page.says("By the key", "h1")
        room = (await page.until("location.hash"))[1:]
        await page.press("Forget the key")
        await page.until("document.querySelector('.key-form')")
        assert await page.evaluate(KEPT) == [None, None]
    assert closed.ok("GET", f"/v1/rooms/{room}")["title"] == "By the key"


async def test_by_keyboard_alone(come: Come, base: str) -> None:
    room = new_room(base)
    ana = await come("Ana")
    page = ana.page
    await page.goto(f"{base}/meetings")
    link = page.locator(f"a[href='#{room.id}']")
    await link.focus()
    await ana.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await page.get_by_role("link", name="All meetings", exact=True).focus()
    await ana.press("Enter")
    await ana.button("New meeting").focus()
    await ana.press("Enter")
    await page.keyboard.type("Typed")
    await ana.press("Enter")
    await page.get_by_role("heading", name="Typed").wait_for()


def in_days(days: int) -> str:
    """A time so many days ahead."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()
