"""What waits for slow and for lost clients."""

from __future__ import annotations

from msgspec import Raw

from tertulia.contract import ParticipantLeft
from tertulia.room.events import Event
from tertulia.room.missed import Missed, without_overlap
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


def test_missed_events_are_kept_until_one_does_not_fit() -> None:
    missed = Missed()
    events = [Event("ChatMessage", {"text": str(n)}) for n in range(500)]
    for event in events:
        missed.add(event)
    assert not missed.some_lost
    assert missed.take() == events
    for event in events:
        missed.add(event)
    missed.add(events[0])
    missed.add(events[0])
    assert (missed.some_lost, missed.take()) == (True, [])


def test_what_is_missed_after_a_loss_is_kept() -> None:
    missed = Missed(some_lost=True)
    event = Event("ChatMessage", {"text": "x"})
    missed.add(event)
    assert missed.take() == [event]
    assert missed.some_lost


def test_large_events_are_bounded_by_their_bytes() -> None:
    missed = Missed()
    missed.add(Event("ReceiveOffer", {"sdp": "x" * 200_000}))
    assert not missed.some_lost
    missed.add(Event("ReceiveOffer", {"sdp": "x" * 200_000}))
    assert missed.some_lost


def test_what_both_hubs_heard_is_delivered_once() -> None:
    kept = [Event("ChatMessage", {"id": n}) for n in range(5)]
    held = [
        Event("ChatMessage", Raw(b'{"id":3}')),
        Event("Other", {"id": 3}),
        Event("ChatMessage", {"id": 4}),
        Event("ChatMessage", {"id": 5}),
    ]
    together = without_overlap(kept, held)
    assert [(e.name, e.json()) for e in together[:5]] == [(e.name, e.json()) for e in kept]
    assert together[5:] == [held[1], held[3]]


def test_of_who_came_and_went_the_last_word_counts() -> None:
    """Somebody left, came back and left again while the seat went from one hub to the other."""
    kept = [Event("ParticipantLeft", {"userId": "u", "reason": "left"})]
    held = [
        Event("ParticipantJoined", Raw(b'{"userId":"u"}')),
        Event("ParticipantLeft", ParticipantLeft(user_id="u", reason="left")),
    ]
    assert without_overlap(kept, held) == [*kept, *held]
    assert without_overlap([*kept, *held], held) == [*kept, *held]


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
