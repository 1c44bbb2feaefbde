import itertools

import pytest

from tertulia.contract.calls import CALLS
from tertulia.room.rate import FAILED_JOIN, TO_ALL, Rate, Verdict, cost_of


def admitted(rate: Rate, cost: int, seconds: float) -> int:
    """How many calls of ``cost`` are admitted, one each millisecond, at 100 a second and 500 at once."""
    verdicts = [rate.call(step / 1000, 100, 500, 1e9, cost) for step in range(int(seconds * 1000))]
    return verdicts.count(Verdict.ADMIT)


def test_a_call_counts_for_those_who_hear_of_it() -> None:
    assert set(CALLS) >= TO_ALL
    assert [cost_of("SendChat", members) for members in (2, 9, 10, 100, 1000)] == [1, 1, 2, 11, 101]
    others = ("KeepAlive", "SendIceCandidate", "SetView", "NoSuchCall")
    assert [cost_of(event, 1000) for event in others] == [1, 1, 4, 1]


@pytest.mark.parametrize("members", [4, 100, 1000])
def test_what_one_member_has_others_told_is_bounded_in_any_room(members: int) -> None:
    frames = admitted(Rate(500, 0), cost_of("SendChat", members), 100) * members
    assert frames <= (500 + 100 * 100) * 10 + members


def test_a_call_that_is_dearer_than_the_burst_is_admitted_once_and_paid_for() -> None:
    rate = Rate(500, 0.0)
    assert rate.call(0.0, 100, 500, 1e9, 5000) is Verdict.ADMIT
    admits = (step for step in itertools.count(1) if rate.call(float(step), 100, 500, 1e9) is Verdict.ADMIT)
    assert next(admits) == 46


def test_refused_joins_are_few() -> None:
    rate, admits = Rate(500, 0.0), 0
    for step in range(15_000):
        if rate.call(step / 1000, 100, 500, 1e9) is Verdict.ADMIT:
            admits += 1
            rate.charge(FAILED_JOIN)
    assert admits <= (500 + 1500) / FAILED_JOIN + 1
