from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tertulia.recorder.raw.ordering import Numbered, Ordered
from tertulia.recorder.raw.rtp import Packet
from tests.unit.growth import assert_linear

_PACKET = Packet(0, 0, False, b"", None)


def _order(arrivals: list[tuple[int, int]]) -> list[tuple[int, bool]]:
    """Of sequence numbers and milliseconds."""
    ordered, out = Ordered(), []
    for sequence, arrived in arrivals:
        out += list(ordered.push(Numbered(sequence, 0, arrived, _PACKET)))
    out += list(ordered.flush())
    return [(packet.sequence, is_after_loss) for packet, is_after_loss in out]


def test_what_was_sent_again_comes_in_its_place() -> None:
    arrivals = [(1, 0), (2, 20), (4, 60), (5, 80), (3, 500), (6, 500)]
    assert _order(arrivals) == [(number, False) for number in range(1, 7)]


def test_the_first_to_arrive_need_not_be_the_first() -> None:
    assert _order([(3, 0), (1, 5), (2, 6), (4, 300)]) == [(number, False) for number in range(1, 5)]


def test_doubles_come_once() -> None:
    assert _order([(1, 0), (1, 1), (2, 300), (1, 301), (2, 302), (3, 303)]) == [(1, False), (2, False), (3, False)]


def test_what_does_not_come_is_passed_over() -> None:
    arrivals = [(number, 20 * number) for number in range(1, 400) if number not in {50, 51, 200}]
    out = _order(arrivals)
    assert [number for number, _ in out] == [number for number, _ in arrivals]
    assert [number for number, is_after_loss in out if is_after_loss] == [52, 201]


def test_what_comes_after_that_is_left_out() -> None:
    arrivals = [*((number, 20 * number) for number in range(1, 400) if number != 50), (50, 8000)]
    assert 50 not in [number for number, _ in _order(arrivals)]


def test_any_order_within_a_second_is_put_right() -> None:
    seeded = random.Random(8)
    arrivals = sorted(((number, 20 * number + seeded.randrange(900)) for number in range(2000)), key=lambda one: one[1])
    first = min(number for number, at in arrivals if at < arrivals[0][1] + 200)
    assert [one for one in _order(arrivals) if one[0] >= first] == [(number, False) for number in range(first, 2000)]


def test_it_takes_linear_time_when_every_other_packet_is_missing() -> None:
    def ordering(count: int) -> Callable[[], object]:
        return partial(_order, [(2 * number, number // 100) for number in range(count)])

    assert_linear(ordering, 40_000)
