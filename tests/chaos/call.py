"""A call with continuous media under a fault: what it goes through, and what it may."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.chaos.caller import Caller, Lag, callers
from tests.chaos.site import Site, site
from tests.chaos.viewer import Viewer, viewer

AFTER: Final = 2.0
"""Seconds for which a call is watched when all is well again."""
RECOVERS_WITHIN: Final = 60.0
"""Seconds; past that it never does."""
LOOK: Final = 0.05
PEOPLE: Final = 4
"""Beside the page."""
SLACK: Final = 0.5
PAGE_SLACK: Final = 1.0
"""Seconds that tests allow, for a machine that is busy with others; Chromium needs more of it."""
STARVED: Final = 0.3
PAGE_STARVED: Final = 0.6
STARVED_SHARE: Final = 0.2
"""A call counts if the lag of the callers, and of the page, is not above so many seconds, or this share of the bar."""
ATTEMPTS: Final = 2
"""To have a call that counts."""


@dataclass
class Call:
    """Callers and somebody in Chromium, and what they are on."""

    site: Site
    redis: Redis
    room: str
    callers: list[Caller]
    viewer: Viewer
    lag: Lag
    """Of the callers."""
    waits: list[float] = field(default_factory=list)
    """For how many seconds each one who lost their web worker had no seat by another."""

    async def moved(self, since: float) -> None:
        """Wait until everybody has the media of all others by another node."""
        async with asyncio.timeout(RECOVERS_WITHIN):
            while not all(len(caller.endpoints) > 1 for caller in self.callers):
                await asyncio.sleep(LOOK)
            for caller, other in itertools.permutations(self.callers, 2):
                for seen in (caller.video[other.user], caller.sound[other.user]):
                    while not (seen.at and seen.at[-1] > since + 1):
                        await asyncio.sleep(LOOK)
            await self.viewer.until_all_seen()

    async def hub_of_viewer(self) -> str:
        """The web worker to which the page is connected."""
        users = {caller.user for caller in self.callers}
        return next(hub for user, hub in (await self._hubs()).items() if user not in users)

    async def users_of(self, hub: str) -> set[str]:
        """Who is connected to a web worker."""
        return {user for user, by in (await self._hubs()).items() if by == hub}

    async def have_left(self, hub: str, users: set[str]) -> None:
        """Wait until all these have their seats by another web worker than this, which is gone."""
        began, waiting = time.monotonic(), set(users)
        async with asyncio.timeout(RECOVERS_WITHIN):
            while waiting:
                await asyncio.sleep(LOOK)
                hubs = await self._hubs()
                back = {user for user in waiting if hubs.get(user, hub) != hub}
                self.waits += [time.monotonic() - began] * len(back)
                waiting -= back

    async def is_whole(self) -> bool:
        """Whether Redis has just these people, each once."""
        count, length, users = await self.site.seats(self.redis, self.room)
        return count == length == len(self.callers) + 1 and {caller.user for caller in self.callers} < users

    async def _hubs(self) -> dict[str, str]:
        return await self.site.hubs(self.redis, self.room)


@asynccontextmanager
async def a_call(site: Site, people: int) -> AsyncIterator[Call]:
    """So many callers and the page, on a site with two nodes at least."""
    while len(site.nodes) < 2:
        site.start_node()
    room = await site.new_room("sfu")
    redis = await connect_redis(site.redis_url)
    try:
        # The page first: Chromium takes all of the machine while it starts.
        async with viewer(site, room, people) as page, callers(site, room, people, guests=1) as (present, lag):
            await page.watch()
            yield Call(site, redis, room, present, page, lag)
    finally:
        await redis.close()


class Bar(NamedTuple):
    """For how long media may pause."""

    seconds: float
    share: int
    """This many of a hundred streams."""


class Fault(NamedTuple):
    """Something that happens to a call."""

    name: str
    cause: Callable[[Call], Awaitable[None]]
    """Does it, and returns when it is over and everybody has the media of all others again."""
    bar: Bar
    seat: float | None = None
    """Seconds within which whoever loses their web worker has their seat again; None: nobody does."""


class Outcome(NamedTuple):
    """What a call went through, in seconds."""

    pauses: list[float]
    """The longest of each picture and each voice, as each of the others got it; the shortest first."""
    lag: float
    """The most that the callers' own process has lost in two seconds, which is a part of these."""
    in_page: list[float]
    """The longest of each picture in Chromium; the shortest first."""
    page_lag: float
    """The longest pause of the page's own, which is a part of these."""
    waits: list[float]
    """Of each one who lost their web worker, until they had their seat again; the shortest first."""
    wrong: list[str]
    """What may not be in any call."""

    def starved(self, bar: Bar) -> list[str]:
        """Who was so short of CPU that the pauses say nothing of the servers."""
        lags = (("the callers", self.lag, STARVED), ("the page", self.page_lag, PAGE_STARVED))
        return [
            f"this machine is too busy to tell: {who} stood still for {lag:.2f} s"
            for who, lag, most in lags
            if lag > max(most, bar.seconds * STARVED_SHARE)
        ]

    def flaws(self, fault: Fault, slack: float = 0.0, page_slack: float = 0.0) -> list[str]:
        """Everything that is not as it should be. The slack is seconds for a machine that is busy with other things."""
        return self.wrong + (self.starved(fault.bar) or self._too_long(fault, slack, page_slack))

    def _too_long(self, fault: Fault, slack: float, page_slack: float) -> list[str]:
        found, bar = [], fault.bar
        if (pause := of_100(self.pauses, bar.share)) > bar.seconds + self.lag + slack:
            found.append(f"media pauses for {pause:.2f} s")
        if (pause := self.in_page[-1]) > bar.seconds + self.page_lag + page_slack:
            found.append(f"the page's pictures pause for {pause:.2f} s")
        if fault.seat is not None and (wait := self.waits[-1]) > fault.seat + self.lag + slack:
            found.append(f"somebody has no seat for {wait:.2f} s")
        return found


async def goes_on(fault: Fault, site: Site) -> None:
    """The test that a call goes on under a fault. The bars are those of docs/operations.md, and some slack. Only pauses
    are measured again, where this machine was too busy; where it stays so, the test is skipped, with who had no CPU."""
    outcome = await _outcome(fault, site)
    for _ in range(ATTEMPTS - 1):
        if outcome.wrong or not outcome.starved(fault.bar):
            break
        outcome = await _outcome(fault, site)
    starved = outcome.starved(fault.bar)
    if starved and not outcome.wrong:
        pytest.skip("; ".join(starved))
    flaws = outcome.flaws(fault, SLACK, PAGE_SLACK)
    assert not flaws, "; ".join(flaws)


async def _outcome(fault: Fault, site: Site) -> Outcome:
    outcome = await under(fault, site, PEOPLE)
    sys.stdout.write(f"{fault.name}: {outcome}\n")
    return outcome


def site_of_calls(directory: Path) -> AbstractContextManager[Site]:
    """A site with two web workers, which are replaced when they end or stand still, and two SFU nodes."""
    return site(directory, commands=1, workers_each=2, nodes=2)


def of_100(sorted_seconds: list[float], share: int) -> float:
    """So many of a hundred are not longer."""
    return sorted_seconds[min(len(sorted_seconds) - 1, len(sorted_seconds) * share // 100)]


async def under(fault: Fault, site: Site, people: int) -> Outcome:
    """A call under a fault."""
    async with a_call(site, people) as call:
        since = time.monotonic()
        await fault.cause(call)
        await asyncio.sleep(AFTER)
        in_page = await call.viewer.pauses()
        return Outcome(
            sorted(pause for caller in call.callers for pause in caller.pauses(call.callers, since)),
            call.lag.most(since),
            in_page.of_pictures,
            in_page.lag,
            sorted(call.waits),
            [wrong async for wrong in _wrong(call)],
        )


async def _wrong(call: Call) -> AsyncIterator[str]:
    for caller in call.callers:
        if caller.fenced:
            yield f"{caller.person.name} is told by a transport that was closed: {caller.fenced}"
        if caller.person.left:
            yield f"{caller.person.name} is told that somebody left: {caller.person.left}"
    if not await call.is_whole():
        yield f"of the people in Redis, somebody is missing or too many: {await call.site.seats(call.redis, call.room)}"
