"""What is wrong with a body is told: all of it, but no more than a caller can read."""

from __future__ import annotations

from typing import Any

import pytest

from tertulia.contract.calls import KeepAlive, SendIceCandidate, SetView
from tertulia.contract.fields import Wire
from tertulia.contract.requests import ChangeRoom, CreateInvite, CreateRoom
from tertulia.errors import Invalid
from tertulia.ids import new_uuid
from tertulia.rest.problem import problem
from tertulia.validation import MAX_FAULTS, read


def faults(kind: type[Wire], value: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        read(kind, value)
    problem(caught.value)  # it can be said in UTF-8
    return [(e.field, e.message) for e in caught.value.errors]


def test_every_fault_is_told() -> None:
    assert [field for field, _ in faults(SetView, {"videos": [{}, 1, {"userId": "x"}]})] == [
        "videos[0].userId",
        "videos[1]",
        "videos[2].userId",
    ]


@pytest.mark.parametrize("title", ["Weekly", "Wöchentlich"])
def test_a_time_that_is_none_is_told_with_the_rest(title: str) -> None:
    wrong = "must be a time such as 2026-01-02T03:04:05Z (RFC 3339)"
    body = {"hostId": new_uuid(), "title": title, "scheduledFor": "2026-01-02"}
    assert faults(CreateRoom, body) == [("scheduledFor", wrong)]
    assert faults(CreateRoom, body | {"hostId": 1}) == [
        ("hostId", "must be a string, got a whole number"),
        ("scheduledFor", wrong),
    ]
    assert faults(ChangeRoom, {"scheduledFor": "tomorrow"}) == [("scheduledFor", wrong)]
    assert faults(CreateInvite, {"role": "host", "event": {"startsAt": "2026-01-02T03:04:05"}}) == [
        ("event.startsAt", wrong)
    ]
    assert read(ChangeRoom, {"scheduledFor": None}).scheduled_for is None


@pytest.mark.parametrize("item", [0, {}, {"userId": new_uuid()}])
def test_a_list_that_is_too_long_is_not_looked_into(item: Any) -> None:
    assert faults(SetView, {"videos": [item] * 100_000}) == [("videos", "must have at most 64 items")]


def test_a_list_of_faults_ends() -> None:
    assert len(faults(SetView, {"videos": [{"userId": 1, "source": 1, "maxHeight": "x"}] * 64})) == MAX_FAULTS


def test_unknown_keys_end() -> None:
    settings = {f"k{i}": 1 for i in range(1000)}
    assert len(faults(CreateRoom, {"hostId": new_uuid(), "settings": settings})) == MAX_FAULTS


@pytest.mark.parametrize("key", ["\ud800", "\0", "a\udfffb"])
def test_a_key_that_cannot_be_told(key: str) -> None:
    assert faults(CreateRoom, {"hostId": new_uuid(), "settings": {key: 1}}) == [
        ("settings", "must contain no NUL and no lone surrogate")
    ]


@pytest.mark.parametrize("key", ["\ud800", "a\udfffb", "é"])
def test_an_unknown_key_is_ignored_whatever_it_says(key: str) -> None:
    assert read(KeepAlive, {key: 1, "received": 2}) == KeepAlive(received=2)


def test_no_number_is_infinite() -> None:
    payload = {"targetUserId": "x", "candidate": {"candidate": "", "sdpMLineIndex": [float("inf")]}}
    assert faults(SendIceCandidate, payload) == [("candidate", "must contain no number beyond the range of a double")]


@pytest.mark.parametrize(
    ("payload", "field", "message"),
    [
        ({"received": "1"}, "received", "must be a whole number or null, got a string"),
        ({"received": -1}, "received", "must be a whole number >= 0"),
    ],
)
def test_faults_are_told_in_words(payload: dict[str, object], field: str, message: str) -> None:
    assert faults(KeepAlive, payload) == [(field, message)]
