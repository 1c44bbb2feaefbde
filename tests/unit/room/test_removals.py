"""What a hub remembers of removals."""

from __future__ import annotations

from tertulia.ids import RoomId, SessionId, UserId
from tertulia.room import removals
from tertulia.room.removals import KnownRemovals

ROOM, SESSION, OTHER = RoomId("room"), SessionId("session"), SessionId("other")
ANN, BOB = UserId("ann"), UserId("bob")


def test_the_later_removal_counts() -> None:
    known = KnownRemovals()
    known.add(ROOM, SESSION, BOB, 20)
    known.add(ROOM, SESSION, BOB, 10)
    assert known.with_those_of(ROOM, SESSION, {}) == {BOB: 20}
    assert known.with_those_of(ROOM, SESSION, {BOB: 15, ANN: 5}) == {BOB: 20, ANN: 5}
    assert known.with_those_of(ROOM, SESSION, {BOB: 25}) == {BOB: 25}


def test_they_count_for_their_session_only() -> None:
    known = KnownRemovals()
    known.add(ROOM, SESSION, BOB, 20)
    assert known.with_those_of(ROOM, OTHER, {ANN: 5}) == {ANN: 5}
    assert known.with_those_of(ROOM, None, {}) == {}
    assert known.with_those_of(RoomId("another"), SESSION, {}) == {}
    known.add(ROOM, OTHER, ANN, 30)
    assert known.with_those_of(ROOM, OTHER, {}) == {ANN: 30}
    assert known.with_those_of(ROOM, SESSION, {}) == {}


def test_of_very_many_who_are_removed_from_one_room_the_first_go_first() -> None:
    known = KnownRemovals()
    for number in range(removals.MOST_IN_ROOM):
        known.add(ROOM, SESSION, UserId(str(number)), number)
    known.add(ROOM, SESSION, UserId("0"), 2_000)
    known.add(ROOM, SESSION, BOB, 3_000)
    found = known.with_those_of(ROOM, SESSION, {ANN: 5})
    assert len(found) == removals.MOST_IN_ROOM + 1
    assert found.keys() >= {"0", "2", BOB, ANN}
    assert "1" not in found


def test_the_room_without_removals_for_longest_goes_first() -> None:
    known = KnownRemovals()
    for number in range(removals.MOST):
        known.add(RoomId(str(number)), SESSION, BOB, 1)
    known.add(RoomId("0"), SESSION, ANN, 2)
    known.add(ROOM, SESSION, BOB, 3)
    assert known.with_those_of(RoomId("1"), SESSION, {}) == {}
    assert known.with_those_of(RoomId("0"), SESSION, {}) == {ANN: 2, BOB: 1}
