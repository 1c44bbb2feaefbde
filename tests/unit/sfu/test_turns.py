"""Which media threads stand still."""

from __future__ import annotations

from tertulia.sfu.turns import Turns


def test_the_slowest_thread_counts() -> None:
    turns = Turns(0)
    assert turns.still([5, 5], 0.3) == 0
    assert turns.still([6, 5], 0.6) == 0.3
    assert turns.still([7, 5], 0.9) == 0.6000000000000001
    assert turns.still([8, 6], 1.2) == 0


def test_a_process_that_stood_still_blames_no_thread() -> None:
    turns = Turns(0)
    turns.still([5], 0.3)
    assert turns.still([5], 20) == 0
    assert turns.still([5], 20.3) > 0.2
