from collections import Counter

import pytest
from structlog.testing import capture_logs

from tertulia.errors import RateLimited, Unavailable
from tertulia.limits import FREE_SHARE, SharedLimit
from tertulia.rates import BURST_SECONDS
from tertulia.state.limits import Bucket, Taken


class Redis:
    """Buckets that never refill."""

    def __init__(self) -> None:
        self.left: dict[str, int] = {}
        self.asked: Counter[str] = Counter()
        self.is_away = False

    async def take(self, bucket: Bucket, want: int, debt: int = 0) -> Taken:
        self.asked[bucket.name] += 1
        if self.is_away:
            raise Unavailable("away")
        left = self.left.setdefault(bucket.name, bucket.burst)
        taken = max(0, min(left + debt, want))
        self.left[bucket.name] = left - taken
        return Taken(taken, left - taken)


async def admitted(limits: list[SharedLimit], count: int, now: float = 0.0) -> int:
    """How many of ``count`` requests of one caller, spread over web workers, are admitted."""
    passed = 0
    for number in range(count):
        try:
            await limits[number % len(limits)].take("a", now)
        except RateLimited as e:
            assert e.retry_after > 0
        else:
            passed += 1
    return passed


async def test_workers_share_a_bucket_but_for_what_each_admits_by_itself() -> None:
    redis = Redis()
    fleet = [SharedLimit("x", 40, redis.take) for _ in range(8)]
    free = 8 * 40 // 4
    assert await admitted(fleet, 8 * 40 * BURST_SECONDS) == 40 * BURST_SECONDS + free


async def test_a_caller_who_comes_now_and_then_costs_no_round_trip() -> None:
    redis = Redis()
    limit = SharedLimit("x", 64, redis.take)
    for second in range(100):
        assert await admitted([limit], 64 // FREE_SHARE, now=float(second)) == 64 // FREE_SHARE
    assert not redis.asked


async def test_what_redis_grants_is_good_for_several_requests_and_a_moment() -> None:
    redis = Redis()
    limit = SharedLimit("x", 100, redis.take)
    assert await admitted([limit], 25 + 10) == 35
    assert redis.asked["x a"] == 1
    assert await admitted([limit], 5) == 5
    assert redis.asked["x a"] == 2


async def test_each_worker_limits_by_itself_while_redis_is_away() -> None:
    redis = Redis()
    redis.is_away = True
    assert await admitted([SharedLimit("x", 10, redis.take)], 100) == 10 * BURST_SECONDS


async def test_failures_are_charged_to_the_fleet() -> None:
    redis = Redis()
    fleet = [SharedLimit("x", 10, redis.take) for _ in range(2)]
    for _ in range(4):
        await fleet[0].charge("a", 0.0, 10)
    assert redis.left["x a"] == 0
    assert await admitted(fleet[:1], 10) == 0
    assert await admitted(fleet[1:], 10) == 10 // 4


async def test_kinds_of_limits_do_not_meet() -> None:
    redis = Redis()
    await SharedLimit("x", 1, redis.take).charge("a", 0.0, 100)
    await SharedLimit("y", 1, redis.take).charge("a", 0.0, 1)
    assert redis.left == {"x a": -1, "y a": BURST_SECONDS - 1}


async def test_what_is_owed_at_one_worker_is_owed_at_another_once_it_is_charged_there() -> None:
    redis = Redis()
    fleet = [SharedLimit("x", 100, redis.take) for _ in range(2)]
    for _ in range(45):
        await fleet[0].charge("a", 0.0, 10)
    assert fleet[1].owed("a", 0.0) is None
    await fleet[1].charge("a", 0.0, 10)
    refusal = fleet[1].owed("a", 0.0)
    assert refusal is not None
    assert refusal.retry_after == pytest.approx(0.6)
    assert fleet[1].owed("a", 0.61) is None
    for _ in range(100):
        await fleet[1].charge("a", 0.0, 10)
    assert redis.left["x a"] == -100, "a second's requests at most"


async def test_it_is_said_once_that_redis_is_away() -> None:
    redis = Redis()
    limit = SharedLimit("x", 100, redis.take)
    with capture_logs() as logs:
        for second, is_away in enumerate([True, True, True, False, False]):
            redis.is_away = is_away
            await admitted([limit], 40, now=10.0 * second)
    assert [line["log_level"] for line in logs] == ["warning", "info"]
