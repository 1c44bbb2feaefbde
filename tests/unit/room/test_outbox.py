"""What waits for slow clients."""

from __future__ import annotations

from msgspec import Raw

from tertulia.room.events import Event
from tertulia.room.outbox import Outbox


def _drained(outbox: Outbox[str]) -> list[str]:
    items = []
    while (item := outbox.pop()) is not None:
        items.append(item)
    return items


def test_items_come_out_in_order_and_the_stale_are_dropped() -> None:
    outbox: Outbox[str] = Outbox()
    for item, latest in (("a1", "a"), ("x", None), ("b1", "b"), ("a2", "a"), ("x", None), ("a3", "a")):
        assert outbox.add(item, 1, latest)
    assert (len(outbox), outbox.dropped) == (4, 2)
    assert _drained(outbox) == ["x", "b1", "x", "a3"]


def test_numbers_as_latest_are_not_mixed_up_with_the_count() -> None:
    outbox: Outbox[str] = Outbox()
    outbox.add("first", 1)
    outbox.add("zero", 1, 0)
    assert _drained(outbox) == ["first", "zero"]


def test_bounds_in_items_and_bytes() -> None:
    outbox: Outbox[str] = Outbox(max_items=2, max_bytes=10)
    assert outbox.add("a", 5, "a")
    assert outbox.add("b", 5)
    assert not outbox.add("c", 1)
    assert outbox.add("a", 5, "a")  # takes the place of the stale one
    assert _drained(outbox) == ["b", "a"]
    assert outbox.add("c", 10)
    assert not outbox.add("d", 1)


def test_an_event_is_encoded_once_for_each_dialect() -> None:
    event = Event("X", {"a": 1})
    calls = []

    def encode(e: Event) -> bytes:
        calls.append(e)
        return b"frame"

    assert event.frame("plain", encode) == event.frame("plain", encode) == b"frame"
    event.frame("other", encode)
    assert len(calls) == 2
    assert (event.json(), event.value()) == (b'{"a":1}', {"a": 1})
    raw = Event("X", Raw(b'{"a":1}'))
    assert (raw.json(), raw.value()) == (b'{"a":1}', {"a": 1})
