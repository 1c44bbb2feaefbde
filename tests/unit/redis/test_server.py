"""The pauses between attempts to connect."""

from __future__ import annotations

from tertulia.redis.server import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, pause_seconds


def test_pauses_grow_to_a_bound_and_differ() -> None:
    assert all(FIRST_RETRY_SECONDS / 2 <= pause_seconds(0) <= FIRST_RETRY_SECONDS for _ in range(50))
    late = {pause_seconds(1000) for _ in range(50)}
    assert all(LAST_RETRY_SECONDS / 2 <= pause <= LAST_RETRY_SECONDS for pause in late)
    assert len(late) > 1
