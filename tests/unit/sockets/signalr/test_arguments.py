"""The argument of a hub method: what becomes a struct at once, and what JSON could have said."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.contract.calls import SendChat, UpdateState
from tertulia.sockets.signalr import arguments
from tertulia.strict_json import MAX_DEPTH


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_a_flat_payload_without_a_fault_becomes_the_contracts_struct() -> None:
    assert arguments.convert("UpdateState", {"isMuted": True, "isVideoOn": None}) == UpdateState(is_muted=True)
    assert arguments.convert("SendChat", {"text": "hi", "later": False}) == SendChat(text="hi")


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("SendChat", {"text": "a\0b"}),
        ("SendChat", {"text": "a\ud83d"}),
        ("SendChat", {"text": ""}),
        ("SendChat", {"text": 1}),
        ("SendChat", {}),
        ("SendChat", None),
        ("SendChat", ["hi"]),
        ("SendIceCandidate", {"targetUserId": "x", "candidate": {"candidate": ""}}),
        ("Nothing", {}),
    ],
)
def test_everything_else_is_looked_at_more_closely(event: str, payload: object) -> None:
    assert arguments.convert(event, payload) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    )
)
def test_what_json_can_say(value: Any) -> None:
    assert arguments.as_json(value) == value


@pytest.mark.parametrize(
    "value",
    [
        b"bytes",
        datetime(2026, 1, 1, tzinfo=UTC),
        msgspec.msgpack.Ext(1, b""),
        {1: "a"},
        {None: "a"},
        float("nan"),
        {"a": [{"b": b""}]},
        [[[{2: 1}]]],
        nested(MAX_DEPTH + 1),
    ],
)
def test_what_json_cannot_say(value: object) -> None:
    with pytest.raises(arguments.NotJson):
        arguments.as_json(value)


def test_a_payload_as_deep_as_allowed() -> None:
    assert arguments.as_json(nested(MAX_DEPTH)) == nested(MAX_DEPTH)


def test_a_number_beyond_a_double_is_one_that_is_told() -> None:
    assert arguments.as_json({"a": [float("inf")]}) == {"a": [float("inf")]}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (5.0, 5),
        ({"videos": [{"maxHeight": 720.0}]}, {"videos": [{"maxHeight": 720}]}),
        ([1.5, -3.0, 2.0**53, True, "5.0", None], [1.5, -3, 2.0**53, True, "5.0", None]),
        (float("inf"), float("inf")),
    ],
)
def test_a_whole_number_is_one_however_it_is_written(said: Any, read: Any) -> None:
    found = arguments.as_json(said)
    assert (found, repr(found)) == (read, repr(read))
