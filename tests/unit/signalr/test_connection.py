"""The state machine of one connection: handshake, order, time, ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tertulia.signalr.connection import MOST_SKIMMED, Connection, Ended, Opened, Phase
from tertulia.signalr.handshake import JSON, MESSAGEPACK
from tertulia.signalr.messages import UNREAD, Ack, CancelInvocation, Close, Completion, Invocation, Ping, StreamItem
from tertulia.signalr.options import Options
from tests.unit.growth import assert_linear

SHAKE = b'{"protocol":"json","version":1}\x1e'


def opened(now: float = 0, shake: bytes = SHAKE, **how: Any) -> Connection:
    options = how.pop("options", Options())
    connection = Connection(options, now, **how)
    assert connection.receive(shake, now) == [Opened(connection.protocol)]
    assert written(connection) == [b"{}\x1e"]
    return connection


def written(connection: Connection) -> list[bytes]:
    frames, connection.outbox = connection.outbox, []
    return frames


def texts(connection: Connection) -> list[dict[str, Any]]:
    return [json.loads(frame[:-1]) for frame in written(connection)]


def test_the_handshake_and_what_follows_it_in_one_chunk() -> None:
    connection = Connection(Options(), 0)
    inputs = connection.receive(SHAKE + b'{"type":1,"target":"A","arguments":[]}\x1e{"type":6}\x1e', 0)
    assert inputs == [Opened(JSON), Invocation("A", [])]
    assert written(connection) == [b"{}\x1e"]


def test_byte_by_byte() -> None:
    connection = Connection(Options(), 0)
    data = SHAKE.replace(b"json", b"messagepack") + MESSAGEPACK.encode(StreamItem("1", "é"))
    inputs = [i for k in range(len(data)) for i in connection.receive(data[k : k + 1], 0)]
    assert inputs == [Opened(MESSAGEPACK), StreamItem("1", "é")]


def test_a_refused_handshake_is_answered_and_ends_it() -> None:
    connection = Connection(Options(), 0)
    (ended,) = connection.receive(b'{"protocol":"json","version":9}\x1e', 0)
    assert isinstance(ended, Ended)
    assert not ended.clean
    assert connection.phase is Phase.CLOSED
    assert texts(connection) == [{"error": "The server supports versions of the hub protocol up to 2."}]
    assert connection.receive(SHAKE, 1) == []


def test_a_handshake_must_come_in_time() -> None:
    connection = Connection(Options(handshake_timeout=15), 100)
    assert connection.deadline == 115
    connection.receive(SHAKE[:-1], 114)
    assert connection.tick(114.9) == []
    (ended,) = connection.tick(115)
    assert isinstance(ended, Ended)
    assert texts(connection) == [{"error": "Handshake was canceled."}]


def test_a_handshake_has_a_bound() -> None:
    connection = Connection(Options(max_message=100), 0)
    assert connection.receive(b"x" * 60, 0) == []
    assert isinstance(connection.receive(b"x" * 60, 0)[0], Ended)


def test_the_bytes_of_a_handshake_cost_linear_time() -> None:
    def receiving(size: int) -> Callable[[], None]:
        connection = Connection(Options(max_message=size), 0)

        def receive() -> None:
            for _ in range(size):
                connection.receive(b"x", 0)
            assert connection.phase is Phase.HANDSHAKE

        return receive

    assert_linear(receiving, 80_000)


def test_empty_chunks_before_the_handshake_are_not_kept() -> None:
    connection = Connection(Options(), 0)
    for _ in range(1000):
        assert connection.receive(b"", 0) == []
    assert connection.receive(SHAKE, 0) == [Opened(JSON)]


def test_binary_is_refused_where_the_transport_is_text() -> None:
    connection = Connection(Options(), 0, binary=False)
    connection.receive(SHAKE.replace(b"json", b"messagepack"), 0)
    assert "does not support 'Binary'" in texts(connection)[0]["error"]


def test_a_ping_every_keep_alive_whatever_else_is_sent() -> None:
    connection = opened(0)
    pings = []
    for now in range(1, 46):
        connection.receive(b'{"type":6}\x1e', now)
        connection.send(Completion("1", 1))
        written(connection)
        connection.tick(now)
        if written(connection) == [JSON.ping]:
            pings.append(now)
    assert pings == [15, 30, 45]


def test_a_silent_client_is_closed_and_may_come_back() -> None:
    connection = opened(0)
    connection.receive(b'{"type":6}\x1e', 10)
    connection.tick(15)
    connection.tick(30)
    written(connection)
    assert connection.tick(39.9) == []
    assert connection.tick(40) == [Ended(clean=False, error="The client was silent for too long.")]
    assert texts(connection) == [{"type": 7, "allowReconnect": True}]


def test_polling_is_sign_of_life_enough() -> None:
    connection = opened(0, pings=False)
    assert connection.deadline == float("inf")
    assert connection.tick(1e9) == []
    assert written(connection) == []


@pytest.mark.parametrize("wrong", [b"nonsense\x1e", b'{"type":3}\x1e', b"x" * 5000])
def test_what_is_no_message_closes_without_saying_why(wrong: bytes) -> None:
    connection = opened(options=Options(max_message=1000))
    inputs = connection.receive(b'{"type":1,"target":"A","arguments":[]}\x1e' + wrong, 1)
    assert inputs[0] == Invocation("A", [])
    assert isinstance(inputs[1], Ended)
    assert not inputs[1].clean
    assert texts(connection) == [{"type": 7, "error": "Connection closed with an error.", "allowReconnect": True}]
    assert connection.phase is Phase.CLOSED


def test_a_close_message_is_a_clean_end_and_nothing_behind_it_counts() -> None:
    connection = opened()
    inputs = connection.receive(b'{"type":7}\x1e{"type":1,"target":"A","arguments":[]}\x1e', 1)
    assert inputs == [Ended(clean=True)]
    connection.send(Completion("1"))
    assert written(connection) == []


def test_closing_says_why() -> None:
    connection = opened()
    connection.close("RoomEnded", allow_reconnect=False)
    assert written(connection) == [JSON.encode(Close("RoomEnded"))]
    assert connection.phase is Phase.CLOSED
    assert connection.deadline == float("inf")


def test_closing_before_the_handshake_sends_no_message() -> None:
    connection = Connection(Options(), 0)
    connection.close("RoomEnded")
    assert connection.outbox == []


def test_everything_tracked_reaches_the_application_in_order() -> None:
    connection = opened()
    data = b"".join(
        JSON.encode(m) for m in (Invocation("A", [1], "1"), CancelInvocation("1"), Ping(), Completion("2"), Ack(5))
    )
    assert connection.receive(data, 0) == [Invocation("A", [1], "1"), CancelInvocation("1"), Completion("2")]


CALL = b'{"type":1,"target":"A","arguments":["a"],"invocationId":"7"}\x1e'


def test_each_message_is_counted_by_its_bytes_before_it_is_read() -> None:
    connection, counted = opened(), list[int]()

    def meter(message: bytes) -> bool:
        counted.append(len(message))
        return True

    connection.meter = meter
    assert connection.receive(CALL + b'{"type":6}\x1e{"type":99}\x1e', 1) == [Invocation("A", ["a"], "7")]
    assert connection.receive(b"", 1) == []
    assert connection.receive(CALL[:5], 1) == []
    assert connection.receive(CALL[5:], 1) == [Invocation("A", ["a"], "7")]
    assert counted == [len(CALL) - 1, 10, 11, 0, 0, len(CALL) - 1]


def test_what_is_not_admitted_is_not_read_and_its_caller_is_known() -> None:
    connection = opened()
    connection.meter = lambda _: False
    unread = connection.receive(CALL + b'{"type":6}\x1e{"type":2,"invocationId":"8","item":[1]}\x1e', 1)
    assert unread == [Invocation("A", [UNREAD], "7"), StreamItem("8", UNREAD)]
    assert connection.receive(b'{"type":7}\x1e', 1) == [Ended(clean=True)]


def test_thousands_of_messages_at_once_that_are_not_admitted_end_it() -> None:
    connection = opened()
    connection.meter = lambda _: False
    assert connection.receive(b'{"type":6}\x1e' * MOST_SKIMMED, 1) == []
    (ended,) = connection.receive(b'{"type":6}\x1e' * (MOST_SKIMMED + 1), 2)
    assert isinstance(ended, Ended)
    assert ended.error == f"more than {MOST_SKIMMED} messages at once are too many"


def test_what_is_not_admitted_and_too_large_to_be_skimmed_ends_it() -> None:
    connection = opened()
    connection.meter = lambda _: False
    (ended,) = connection.receive(CALL.replace(b'"a"', b"[]," * 6_000 + b"0"), 1)
    assert isinstance(ended, Ended)
    assert not ended.clean


def test_a_value_that_cannot_be_encoded_queues_nothing() -> None:
    connection = opened()
    with pytest.raises(TypeError):
        connection.send(Completion("1", object()))
    assert connection.outbox == []
    assert connection.direct
