"""The clock of the fleet."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

import pytest

from tertulia.redis.client import Redis
from tertulia.state.clock import FleetClock, redis_ms


class Away:
    """A Redis whose clock is ``ahead`` of this machine's, by seconds."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def call(self, *_: Any) -> asyncio.Future[Any]:
        now = time.time() + self.ahead
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        reply.set_result([b"%d" % now, b"%06d" % (now % 1 * 1_000_000)])
        return reply


@pytest.mark.parametrize("ahead", [-3600.0, 0.0, 30.5])
async def test_it_is_that_of_redis(ahead: float, monkeypatch: pytest.MonkeyPatch) -> None:
    redis = Away(ahead)
    clock = FleetClock(cast("Redis", redis))
    await clock.measure()
    expected = time.time() + ahead
    assert clock.now() == pytest.approx(expected, abs=1)
    assert clock.moment().timestamp() == pytest.approx(expected, abs=1)
    assert await redis_ms(cast("Redis", redis), "k") / 1000 == pytest.approx(expected, abs=1)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() == pytest.approx(expected, abs=1)


def test_one_that_was_never_measured_says_nothing() -> None:
    with pytest.raises(RuntimeError):
        FleetClock(cast("Redis", Away(0))).now()
