"""The README's example is a meeting, as it stands there."""

from __future__ import annotations

import json
import re
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.browser import chromium
from tests.browser.conftest import Come
from tests.browser.firefox import firefox
from tests.browser.person import PATIENCE, call, new_room
from tests.browser.test_firefox import PLAYS

README = Path(__file__).resolve().parents[2] / "README.md"

SURROUNDINGS = """async ([grant, roomId]) => {
  window.seen = {};
  const show = (stream) => {
    const video = document.createElement("video");
    Object.assign(video, { srcObject: stream, muted: true, autoplay: true });
    document.body.append(video);
    window.seen[stream.id] = video;
  };
  EXAMPLE
}"""

SEES = """(userId) => (window.seen[userId]?.getVideoPlaybackQuality().totalVideoFrames ?? 0) >= 10"""


def example() -> str:
    found = re.search(r"^```js\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


async def person(browser: Browser, base: str, room: str) -> tuple[str, Page]:
    user = str(uuid.uuid4())
    grant = call("POST", f"{base}/v1/rooms/{room}/join", {"userId": user, "displayName": "Other"})
    page = await (await chromium.new_context(browser, {})).new_page()
    await page.goto(f"{base}/healthz")
    await page.evaluate(SURROUNDINGS.replace("EXAMPLE", example()), [grant, room])
    return user, page


@pytest.mark.asyncio(loop_scope="session")
async def test_two_who_run_the_example_see_each_other(browser: Browser, base: str) -> None:
    room = new_room(base).id
    one, first = await person(browser, base, room)
    two, second = await person(browser, base, room)
    try:
        await first.wait_for_function(SEES, arg=two, timeout=PATIENCE)
        await second.wait_for_function(SEES, arg=one, timeout=PATIENCE)
    finally:
        await first.context.close()
        await second.context.close()


@pytest.mark.asyncio(loop_scope="session")
async def test_the_page_shows_the_picture_of_who_runs_the_example(
    come: Come, browser: Browser, base: str, tmp_path: Path
) -> None:
    """They do not say that their camera is on."""
    room = new_room(base)
    ana = await come("Ana")
    await ana.join(room.host_link)
    _, page = await person(browser, base, room.id)
    try:
        await ana.sees("Other")
        async with firefox(tmp_path) as ben:
            await ben.join(room.link, "Ben")
            await ben.until(PLAYS % json.dumps("Other"))
    finally:
        await page.context.close()


def test_the_curl_examples_are_answered_as_they_say(base: str) -> None:
    text = README.read_text()
    calls = re.findall(r"curl -X POST http://127\.0\.0\.1:8080(\S+) .*?-d '(.*?)'\n# (\{.*?)\n", text, re.DOTALL)
    assert len(calls) == 2
    room = ""
    for path, body, shown in calls:
        answer: dict[str, Any] = call("POST", base + path.replace("<roomId>", room), json.loads(body))
        assert set(re.findall(r'"(\w+)":', shown)) <= set(answer)
        room = room or answer["roomId"]
    with urllib.request.urlopen(f"{base}/docs", timeout=10) as page:
        assert page.status == 200
