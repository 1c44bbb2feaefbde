"""What was sent to each connection of a room: held to a list of it, in random rooms."""

from __future__ import annotations

import random

import pytest

from tertulia.room import journal
from tertulia.room.events import Event
from tertulia.room.journal import Broadcasts, Kept, Sent


def _kept(number: int, latest: str | None = None, size: int = 0) -> Kept:
    return Kept.of(Event("X", {"n": number, "fill": "x" * size}, latest))


class Told:
    """One connection, and the plain list of what it was sent."""

    def __init__(self, broadcasts: Broadcasts) -> None:
        self.sent = Sent(broadcasts.made)
        self.all: list[Kept] = []

    def check(self, broadcasts: Broadcasts) -> None:
        assert self.sent.total(broadcasts.made) == len(self.all)
        kept = self.sent.since(broadcasts)
        assert kept == self.all[self.sent.first :]
        assert self.sent.total(broadcasts.made) == len(self.all)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_kept_is_the_end_of_what_was_sent(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broadcasts, some not for everyone, events for one alone, confirmations, stale ones dropped, too many of each."""
    monkeypatch.setattr(journal, "MAX_EVENTS", 12)
    monkeypatch.setattr(journal, "SPARE_EVENTS", 3)
    chance = random.Random(seed)
    broadcasts = Broadcasts()
    told = [Told(broadcasts) for _ in range(3)]
    for number in range(400):
        one = chance.choice(told)
        kept = _kept(number, chance.choice(["a", "b", None]))
        match chance.randrange(6):
            case 0 | 1:
                broadcasts.add(kept)
                _add(told, kept)
            case 2:
                broadcasts.add(kept)
                one.sent.leave_out(broadcasts.made - 1)
                _add([other for other in told if other is not one], kept)
            case 3:
                one.sent.add(kept, broadcasts.made)
                one.all.append(kept)
            case 4:
                confirmed = chance.randint(one.sent.first, len(one.all))
                one.sent.forget(confirmed)
                assert one.sent.first == confirmed
                broadcasts.forget(min(t.sent.place for t in told))
            case 5:
                _supersede(one, "a", broadcasts)
        for each in told:
            each.check(broadcasts)


def _add(told: list[Told], kept: Kept) -> None:
    for each in told:
        each.all.append(kept)


def _supersede(one: Told, latest: str, broadcasts: Broadcasts) -> None:
    stale = [i for i, kept in enumerate(one.all) if kept.latest == latest and i >= one.sent.first]
    if len(stale) >= 2:
        del one.all[stale[-2]]
    one.sent.supersede(latest, broadcasts)


def test_at_least_a_thousand_events_are_kept() -> None:
    broadcasts = Broadcasts()
    sent = Sent(0)
    for number in range(1500):
        broadcasts.add(_kept(number))
        sent.add(_kept(number), broadcasts.made)
    assert len(sent.since(broadcasts)) >= 1000
    assert sent.total(broadcasts.made) == 3000


def test_large_events_are_bounded_by_their_bytes() -> None:
    broadcasts = Broadcasts()
    sent = Sent(0)
    for number in range(20):
        broadcasts.add(_kept(number, size=200_000))
        sent.add(_kept(number, size=200_000), broadcasts.made)
    kept = sent.since(broadcasts)
    assert sum(len(one.json) for one in kept) <= journal.MAX_BROADCAST_BYTES + journal.MAX_OWN_BYTES + 200_000
    assert kept[-1] == _kept(19, size=200_000)
    assert sent.first + len(kept) == 40


def test_at_least_so_many_bytes_for_one_connection_are_kept() -> None:
    broadcasts = Broadcasts()
    sent = Sent(0)
    for number in range(5):
        sent.add(_kept(number, size=150_000), broadcasts.made)
    assert sent.since(broadcasts) == [_kept(3, size=150_000), _kept(4, size=150_000)]
    for number in range(5, 8):
        sent.add(_kept(number, size=journal.MAX_OWN_BYTES), broadcasts.made)
        assert sent.since(broadcasts) == [_kept(number, size=journal.MAX_OWN_BYTES)]


def test_who_has_confirmed_everything_holds_nothing() -> None:
    broadcasts = Broadcasts()
    sent = Sent(0)
    broadcasts.add(_kept(1))
    sent.add(_kept(2), broadcasts.made)
    sent.forget(2)
    broadcasts.forget(sent.place)
    assert (sent.own, sent.own_bytes, broadcasts.first) == ([], 0, 1)
