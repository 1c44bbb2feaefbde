"""A tenant's quota of bits, shared by its rooms."""

from __future__ import annotations

import random

import pytest

from tertulia.ids import RoomId, TenantId
from tertulia.room.commands import Limit
from tertulia.sfu.shares import Shares, Told, level

ACME, OTHER = TenantId("acme"), TenantId("other")
MOST = 1_000_000
"""What the engine lets into a room."""
A, B, C = RoomId("a"), RoomId("b"), RoomId("c")


@pytest.mark.parametrize(
    ("quota", "inflows", "wanted"),
    [
        (100, [], 100),
        (100, [30], 100),
        (100, [30, 20], 80),
        (100, [60, 40], 60),
        (100, [60, 60], 50),
        (100, [10, 60, 60], 45),
        (100, [10, 20, 500, 90], 35),
        (100, [1_000] * 8, 12),
        (2, [5, 5, 5], 0),
        (0, [0, 7], 0),
        (0, [], 0),
    ],
)
def test_the_level(quota: int, inflows: list[int], wanted: int) -> None:
    assert level(quota, inflows) == wanted


def test_rooms_at_the_level_keep_to_the_quota_and_waste_none_of_it() -> None:
    chance = random.Random(1)
    for _ in range(2_000):
        inflows = [chance.choice((0, chance.randrange(100), chance.randrange(100_000))) for _ in range(12)]
        quota = chance.randrange(300_000)
        found = level(quota, inflows)
        given = sum(min(inflow, found) for inflow in inflows)
        assert given <= quota
        if sum(inflows) > quota:
            assert given > quota - len(inflows)
        else:
            assert given == sum(inflows)
            assert given - max(inflows) + found == quota  # the largest may take what is left


def shares(*limits: Limit) -> Shares:
    made = Shares(MOST)
    for limit in limits:
        made.told(made.limited(limit))
    return made


def told(made: Shares) -> list[Told]:
    """What the engine hears of."""
    found = made.changed()
    for said in found:
        made.told(said)
    return found


def of_acme(room: RoomId, mbits: int | None = None, quota: int = 10) -> Limit:
    return Limit(room=room, mbits=mbits, tenant=ACME, tenant_mbits=quota)


def test_rooms_here_and_elsewhere_have_one_level_and_the_small_are_left_alone() -> None:
    made = shares(of_acme(A), of_acme(B), Limit(room=C, tenant=OTHER, tenant_mbits=5))
    for room, kilobits in ((A, 8_000), (B, 1_000), (C, 4_900)):
        made.measured(room, kilobits)
    assert made.tenants() == [ACME, OTHER]
    assert made.inflows(ACME) == [8_000, 1_000]
    made.heard(ACME, [6_000])
    made.heard(OTHER, [])
    assert made.changed() == [(A, 4_500), (B, 4_500)]


def test_a_rooms_own_quota_holds_where_it_is_smaller() -> None:
    made = shares(of_acme(A, mbits=2), of_acme(B))
    made.measured(A, 9_000)
    made.measured(B, 9_000)
    made.heard(ACME, [])
    assert made.changed() == [(B, 5_000)]
    assert not made.is_short(A)
    told(made)
    assert made.is_short(B)


def test_less_is_told_at_once_and_more_only_where_it_matters() -> None:
    made = shares(of_acme(A))
    made.measured(A, 5_000)
    for elsewhere, wanted in ((1_000, 9_000), (1_010, 8_990), (900, None), (400, 9_600)):
        made.heard(ACME, [elsewhere])
        assert told(made) == ([] if wanted is None else [(A, wanted)])


def test_a_new_room_begins_at_the_level_and_hubs_that_repeat_themselves_change_nothing() -> None:
    made = shares(of_acme(A))
    made.measured(A, 9_000)
    made.heard(ACME, [9_000])
    assert made.limited(of_acme(B)) == (B, 5_000)
    assert made.limited(of_acme(A)) == (A, 5_000)
    assert made.limited(of_acme(A, quota=4)) == (A, 5_000)
    made.heard(ACME, [9_000])
    assert made.limited(of_acme(A, quota=4)) == (A, 2_000)


def test_a_quota_that_is_taken_away_is_gone() -> None:
    made = shares(of_acme(A, mbits=2))
    assert made.limited(Limit(room=A)) == (A, MOST)
    assert made.tenants() == []


def test_rooms_that_are_closed_count_no_more() -> None:
    made = shares(of_acme(A), of_acme(B))
    made.measured(A, 9_000)
    made.measured(B, 9_000)
    made.heard(ACME, [])
    assert told(made) == [(A, 5_000), (B, 5_000)]
    made.keep([B])
    made.measured(A, 9_000)  # what was on the way
    assert made.inflows(ACME) == [9_000]
    made.heard(ACME, [])
    assert made.changed() == [(B, 10_000)]
    made.keep([])
    made.heard(ACME, [])
    assert made.tenants() == []
    assert made.limited(of_acme(A)) == (A, 10_000)
