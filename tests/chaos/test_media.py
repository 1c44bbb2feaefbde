"""Faults of SFU nodes under a call that shows and hears without a pause.

The bars are those of docs/operations.md and some slack, for a machine that is busy with other tests; ``python -m
bench.faults`` measures without it.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator

import pytest

from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.chaos import media_faults
from tests.chaos.media_faults import Fault, under
from tests.chaos.site import Site, site

PEOPLE = 4
BACK_WITHIN = 1.5
"""Seconds: 95 of 100 media streams are back by then after a node has died."""
SEAMLESS = 0.2
"""Seconds that media may pause when a node is taken out of service."""
SLACK = 0.5


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
