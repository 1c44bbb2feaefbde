"""One node: why its process is to be replaced."""

from __future__ import annotations

import time
from typing import Any

from tertulia.config import load
from tertulia.ids import NodeId
from tertulia.sfu import _sfu
from tertulia.sfu.node import STUCK_SECONDS, MediaNode


class Engine:
    """Its thread has failed, and turns no more."""

    port = 40_000

    def __init__(self) -> None:
        self._events = [_sfu.Failed("the first reason")]

    def stop(self) -> None:
        pass

    def drain(self, most: int) -> list[_sfu.Failed]:
        events, self._events = self._events, []
        return events

    def turns(self) -> list[int]:
        return [1]

    def wake(self) -> None:
        pass


async def test_the_first_reason_is_the_one_that_is_told() -> None:
    engine: Any = Engine()
    nothing: Any = None
    node = MediaNode(NodeId("a"), load({}), nothing, nothing, engine, lambda: None)
    await node.stop()
    now = time.monotonic()
    for tick in range(2 * int(STUCK_SECONDS / 0.3)):
        node.look(now + tick * 0.3)
    assert node.failure is not None
    assert "the first reason" in node.failure
