"""Whom a node still serves."""

from __future__ import annotations

from tertulia.ids import RoomId, TransportId
from tertulia.sfu.leases import GRACE, LEASE, Leases

ROOM = RoomId("room")
A, B = TransportId("a"), TransportId("b")


def test_whom_nobody_names_is_closed_after_a_while() -> None:
    leases = Leases()
    leases.offered(ROOM, A, 0)
    leases.offered(ROOM, B, 0)
    assert leases.named(ROOM, [A], GRACE) == []
    assert leases.named(ROOM, [A], GRACE + 1) == [B]
    leases.closed(ROOM, B)
    assert leases.named(ROOM, [A], GRACE + 2) == []


def test_a_node_that_was_cut_off_learns_at_once_who_has_left() -> None:
    leases = Leases()
    leases.offered(ROOM, A, 0)
    leases.offered(ROOM, B, 0)
    assert leases.named(ROOM, [A, B], 1) == []
    assert leases.named(ROOM, [B], 60) == [A]


def test_who_has_just_offered_may_be_unknown_to_a_hub() -> None:
    leases = Leases()
    leases.offered(ROOM, A, 0)
    leases.named(ROOM, [A], 50)
    leases.offered(ROOM, B, 50)
    assert leases.named(ROOM, [A], 50 + GRACE) == []


def test_a_room_that_all_hubs_have_left_is_abandoned_but_not_while_redis_is_away() -> None:
    leases = Leases()
    leases.offered(ROOM, A, 0)
    assert leases.abandoned(10 * LEASE) == []
    leases.named(ROOM, [A], 0)
    assert leases.abandoned(LEASE) == []
    leases.renew(LEASE)
    assert leases.abandoned(2 * LEASE) == []
    assert leases.abandoned(2 * LEASE + 1) == [ROOM]
    leases.ended(ROOM)
    assert leases.abandoned(2 * LEASE + 1) == leases.rooms() == []


def test_a_room_is_forgotten_with_its_last_peer() -> None:
    leases = Leases()
    leases.offered(ROOM, A, 0)
    assert leases.rooms() == [ROOM]
    leases.named(ROOM, [A], 0)
    leases.closed(ROOM, A)
    leases.closed(ROOM, A)
    assert leases.rooms() == leases.abandoned(1000) == []
    assert leases.named(ROOM, [A], 1) == []
