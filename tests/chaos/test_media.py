"""Faults of SFU nodes under a call that shows and hears without a pause.

The bars are those of docs/operations.md and some slack, for a machine that is busy with other tests; ``python -m
bench.faults`` measures without it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import async_playwright

from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.browser import chromium
from tests.browser.person import Person
from tests.chaos import media_faults
from tests.chaos.caller import callers
from tests.chaos.media_faults import Fault, under
from tests.chaos.site import Site, site

PEOPLE = 3
BACK_WITHIN = 1.5
"""Seconds: 95 of 100 media streams are back by then after a node has died."""
SEAMLESS = 0.2
"""Seconds that media may pause when a node is taken out of service."""
SLACK = 0.5
PAGE_SLACK = 2.0
"""Chromium shares two cores with everybody whom it watches."""
WATCH = """() => {
  const last = new Map();
  window.gaps = {};
  setInterval(() => {
    for (const tile of document.querySelectorAll(".tile")) {
      const name = tile.getAttribute("aria-label"), video = tile.querySelector("video"), now = performance.now();
      if (!video || !name.startsWith("Caller")) continue;
      const frames = video.getVideoPlaybackQuality().totalVideoFrames, before = last.get(name);
      if (before?.frames === frames) window.gaps[name] = Math.max(window.gaps[name] ?? 0, now - before.at);
      else last.set(name, { frames, at: now });
    }
  }, 20);
}"""
"""Notes the longest time for which each picture stood still, in ms."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("media"), nodes=2) as started:
        yield started


@pytest.fixture
async def redis(running: Site) -> AsyncIterator[Redis]:
    client = await connect_redis(running.redis_url)
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("fault", "bar"),
    [
        (media_faults.node_killed, BACK_WITHIN),
        (media_faults.node_drained, SEAMLESS),
        (media_faults.node_stands_still, BACK_WITHIN),
        (media_faults.thread_stands_still, BACK_WITHIN),
    ],
)
async def test_media_is_back(running: Site, redis: Redis, fault: Fault, bar: float) -> None:
    outcome = await under(fault, running, redis, PEOPLE)
    sys.stdout.write(f"{fault.__name__}: {outcome}\n")
    assert outcome.of_100(95) <= bar + SLACK + outcome.lag
    assert outcome.fenced == 0


async def test_a_page_has_its_pictures_back(running: Site, redis: Redis) -> None:
    """Chromium, with the page as it is, among the callers whose node dies."""
    room = await running.new_room("sfu")
    while len(running.nodes) < 2:
        running.start_node()
    async with async_playwright() as playwright, callers(running.url, room, 2, guests=1) as (call, lag):
        browser = await chromium.launch(playwright)
        page = await Person.come(browser, "Ana")
        await page.join(f"{running.url.replace('127.0.0.1', 'localhost')}/r/{room}")
        await page.decodes(2)
        await page.page.evaluate(WATCH)
        since = time.monotonic()
        await media_faults.node_killed(running, redis, room, call)
        await page.decodes(2)
        await asyncio.sleep(media_faults.AFTER)
        gaps = await page.page.evaluate("() => window.gaps")
        sys.stdout.write(f"page: {gaps}, callers late by {lag.most(since):.2f} s\n")
        assert sorted(gaps) == ["Caller 0", "Caller 1"]
        assert max(gaps.values()) / 1000 <= BACK_WITHIN + PAGE_SLACK + lag.most(since)
        await browser.close()
