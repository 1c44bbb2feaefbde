"""The state of rooms, as a hub has it."""

from __future__ import annotations

import pytest

from tertulia.redis.client import Redis
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import hub_state


@pytest.fixture
def rooms(redis: Redis) -> RoomState:
    return hub_state(redis)
