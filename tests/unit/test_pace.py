"""What comes at once is done over several turns of the event loop."""

from __future__ import annotations

import asyncio
from functools import partial

from tertulia.pace import Pace


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_so_much_is_done_in_a_turn_and_the_rest_in_the_next_ones_in_order() -> None:
    pace, done = Pace(2), list[int]()
    for number in range(5):
        pace.run(partial(done.append, number))
    assert done == [0, 1]
    assert not pace.has_room
    await _turns(1)
    assert done == [0, 1, 2, 3]
    await _turns(1)
    assert done == [0, 1, 2, 3, 4]
    assert pace.has_room


async def test_who_comes_later_waits_behind_those_who_wait() -> None:
    pace, done = Pace(1), list[str]()
    pace.run(lambda: done.append("first"))
    pace.run(lambda: done.append("second"))
    pace.run(lambda: done.append("third"))
    await _turns(1)
    pace.run(lambda: done.append("fourth"))
    assert done == ["first", "second"]
    await _turns(2)
    assert done == ["first", "second", "third", "fourth"]
