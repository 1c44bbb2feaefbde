"""A call of four who speak all the time, and how long everything takes."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, NamedTuple

from bench.callers import PATIENCE, Caller, Json, Media, calling

SAY_EVERY: Final = 0.05
"""Seconds between two messages of a member."""
STATE_EACH: Final = 4
"""Every so many messages are UpdateState, the others chat."""


class Delays(NamedTuple):
    """Of one window, in milliseconds: of video packets that came in it, and of what members said in it, until each of
    the others heard it, which may be later."""

    media: list[float]
    signaling: list[float]


class Call:
    """Four members who see and hear each other."""

    def __init__(self, callers: Sequence[Caller], media: Media) -> None:
        self._callers = callers
        self._media = media
        self._said: dict[str, float] = {}
        """When each member said last that their state has changed."""
        self._windows: list[tuple[float, Delays]] = [(0.0, Delays([], []))]
        """When each began; what is between two counts as one, too."""
        self._heard_until: dict[tuple[str, str], float] = {}
        """When that was said what each member has heard last of each other one."""
        self._news = asyncio.Event()
        for caller in callers:
            caller.on_event = partial(self._heard, caller.member.user)

    @property
    def offer(self) -> str:
        """What one of them has offered to the SFU."""
        return self._callers[0].offered

    async def window(self, seconds: float) -> Delays:
        """The delays in the next so many seconds; what is heard later is added when it is."""
        await self._media.delays()
        window = self._begin()
        await asyncio.sleep(seconds)
        self._begin()
        window.media.extend(await self._media.delays())
        return window

    async def settle(self) -> None:
        """Wait until everybody has heard all that was said before."""
        now, pairs = time.monotonic(), len(self._callers) * (len(self._callers) - 1)
        async with asyncio.timeout(PATIENCE):
            while len(self._heard_until) < pairs or min(self._heard_until.values()) < now:
                self._news.clear()
                await self._news.wait()

    async def talk(self) -> None:
        """Say something again and again, until cancelled."""
        for turn in range(10**9):
            await asyncio.sleep(SAY_EVERY / len(self._callers))
            member = self._callers[turn % len(self._callers)].member
            if member.is_gone:
                raise AssertionError("a member of the call was thrown out")
            number = turn // len(self._callers)
            if number % STATE_EACH:
                member.post("SendChat", {"text": f"at {time.monotonic()!r}"})
            else:
                self._said[member.user] = time.monotonic()
                member.post("UpdateState", {"isMuted": False, "isVideoOn": number // STATE_EACH % 2 == 0})

    def _begin(self) -> Delays:
        began = Delays([], [])
        self._windows.append((time.monotonic(), began))
        return began

    def _heard(self, me: str, event: str, payload: Json, now: float) -> None:
        said = None
        if event == "ChatMessage" and payload["text"].startswith("at "):
            said = float(payload["text"][3:])
        elif event == "StateChanged":
            said = self._said.get(payload["userId"])
        if said is not None and payload["userId"] != me:
            window = self._windows[bisect_right(self._windows, said, key=lambda window: window[0]) - 1][1]
            window.signaling.append((now - said) * 1e3)
            self._heard_until[me, payload["userId"]] = said
            self._news.set()


@asynccontextmanager
async def call_of(url: str, tickets: Sequence[Json]) -> AsyncIterator[Call]:
    """A call of those who hold the tickets."""
    async with calling(url, tickets, len(tickets)) as (callers, media):
        call = Call(callers, media)
        talking = asyncio.create_task(call.talk())
        try:
            yield call
        finally:
            talking.cancel()
            await asyncio.wait([talking])
            if not talking.cancelled():
                talking.result()
