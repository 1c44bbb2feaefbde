"""Stateful reconnect: the rules one by one, then both sides under cuts at every place."""

from __future__ import annotations

import random

import pytest

from tertulia.signalr.connection import Connection, Ended, Phase
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.handshake import JSON, MESSAGEPACK
from tertulia.signalr.messages import TRACKED, Ack, Close, Invocation, Message, Ping, Sequence
from tertulia.signalr.options import Options
from tertulia.signalr.reconnect import Incoming, Outgoing

SHAKE = b'{"protocol":"%s","version":%d}\x1e'


def opened(now: float = 0, protocol: HubProtocol = JSON, **options: float) -> Connection:
    connection = Connection(Options(**options), now, stateful=True)  # type: ignore[arg-type]
    connection.receive(SHAKE % (protocol.name.encode(), 2), now)
    connection.outbox.clear()
    return connection


def sent(connection: Connection) -> list[Message]:
    frames, connection.outbox = connection.outbox, []
    framer = connection.protocol.framer(1 << 20)
    messages = [connection.protocol.decode(payload) for frame in frames for payload in framer.feed(frame)]
    return [message for message in messages if message is not None]


def call(number: int) -> Invocation:
    return Invocation("M", [number])


def test_the_sequence_is_the_oldest_unacknowledged_id() -> None:
    connection = opened()
    for number in (1, 2, 3):
        connection.send(call(number))
    connection.receive(JSON.encode(Ack(1)), 0)
    connection.lost(1)
    connection.replaced(2)
    assert sent(connection) == [Sequence(2), call(2), call(3)]


def test_the_sequence_is_the_total_plus_one_if_all_is_acknowledged() -> None:
    connection = opened()
    connection.send(call(1))
    connection.receive(JSON.encode(Ack(1)), 0)
    connection.replaced(2)
    assert sent(connection) == [Sequence(2)]


def test_what_is_sent_while_there_is_no_socket_comes_with_the_next_one() -> None:
    connection = opened()
    connection.lost(1)
    connection.send(call(1))
    assert connection.outbox == []
    connection.replaced(2)
    assert sent(connection) == [Sequence(1), call(1)]


def test_a_replacement_is_accepted_while_the_old_socket_looks_alive() -> None:
    connection = opened()
    connection.receive(JSON.encode(call(1))[:5], 0)
    connection.replaced(1)
    assert connection.receive(JSON.encode(Sequence(1)) + JSON.encode(call(1)), 1) == [call(1)]


def test_until_its_sequence_nothing_of_the_client_counts() -> None:
    connection = opened()
    connection.receive(JSON.encode(call(1)), 0)
    connection.replaced(1)
    assert connection.receive(JSON.encode(call(9)) + JSON.encode(Close()), 1) == []
    data = b"".join(JSON.encode(m) for m in (Sequence(1), call(1), call(2)))
    assert connection.receive(data, 1) == [call(2)]


@pytest.mark.parametrize("sequence", [3, 0, -1])
def test_a_sequence_that_skips_messages_ends_the_connection(sequence: int) -> None:
    connection = opened()
    connection.receive(JSON.encode(call(1)), 0)
    connection.replaced(1)
    (ended,) = connection.receive(JSON.encode(Sequence(sequence)), 1)
    assert isinstance(ended, Ended)
    assert "Sequence ID greater" in str(ended.error)


def test_arrivals_are_acknowledged_after_a_second_at_once() -> None:
    connection = opened(0)
    for number in (1, 2, 3):
        connection.receive(JSON.encode(call(number)), 0.1 * number)
    assert connection.deadline == 1.1
    connection.tick(1.1)
    assert sent(connection) == [Ack(3)]
    connection.tick(5)
    assert sent(connection) == []


def test_an_acknowledgement_that_may_be_lost_is_sent_again() -> None:
    connection = opened(0)
    connection.receive(JSON.encode(call(1)), 0)
    connection.tick(1)
    assert sent(connection) == [Ack(1)]
    connection.replaced(5)
    sent(connection)
    connection.tick(6)
    assert sent(connection) == [Ack(1)]


def test_pings_and_acks_are_neither_numbered_nor_kept() -> None:
    connection = opened(0)
    connection.receive(JSON.encode(Ping()), 14)
    connection.tick(15)
    assert sent(connection) == [Ping()]
    connection.replaced(16)
    assert sent(connection) == [Sequence(1)]


def test_beyond_the_bound_frames_wait_for_an_ack() -> None:
    connection = opened(0, replay_bound=100)
    messages = [Invocation("M", ["x" * 30, number]) for number in range(8)]
    for message in messages:
        connection.send(message)
    first = sent(connection)
    assert connection.congested
    assert 0 < len(first) < 8
    assert first == messages[: len(first)]
    connection.receive(JSON.encode(Ack(1)), 1)
    more = sent(connection)
    assert more == messages[len(first) : len(first) + len(more)]
    connection.receive(JSON.encode(Ack(len(first) + len(more))), 1)
    rest = sent(connection)
    assert first + more + rest == messages[: len(first + more + rest)]
    connection.lost(1)
    connection.replaced(2)
    assert sent(connection)[1:] == rest


def test_who_never_acknowledges_is_known_by_what_waits() -> None:
    connection = opened(0, replay_bound=100, max_waiting=1000)
    for _ in range(20):
        connection.send(Invocation("M", ["x" * 100]))
    assert connection.overflowing
    assert len(connection.undelivered()) == 20


def test_without_a_replacement_the_connection_ends() -> None:
    connection = opened(0, reconnect_timeout=15)
    connection.lost(10)
    assert connection.deadline == 25
    assert connection.tick(24.9) == []
    (ended,) = connection.tick(25)
    assert ended == Ended(clean=False, error="No socket came to replace the lost one.")
    assert connection.phase is Phase.CLOSED


def test_what_was_not_delivered_is_known_at_the_end() -> None:
    connection = opened(0)
    connection.send(call(1))
    connection.lost(10)
    (ended,) = connection.tick(30)
    assert isinstance(ended, Ended)
    assert ended.unsent


def test_version_1_has_no_stateful_reconnect() -> None:
    connection = Connection(Options(), 0, stateful=True)
    connection.receive(SHAKE % (b"json", 1), 0)
    assert not connection.stateful
    assert connection.direct


def test_an_ack_of_what_was_never_sent_counts_for_what_was() -> None:
    outgoing = Outgoing(100)
    outgoing.push(b"1")
    outgoing.ack(1000)
    outgoing.ack(-1000)
    outgoing.push(b"2")
    assert outgoing.again() == (Sequence(2), [b"2"])
    assert outgoing.unacked_bytes == 1


def test_what_is_acknowledged_is_kept_until_the_client_is_through_with_what_was_sent_again() -> None:
    outgoing = Outgoing(100)
    for frame in (b"1", b"2", b"3"):
        outgoing.push(frame)
    assert outgoing.again() == (Sequence(1), [b"1", b"2", b"3"])
    outgoing.ack(3)
    assert outgoing.unacked_bytes == 0
    assert outgoing.undelivered() == []
    assert outgoing.again() == (Sequence(1), [b"1", b"2", b"3"])
    outgoing.push(b"4")
    assert outgoing.undelivered() == [b"4"]
    outgoing.ack(4)
    assert outgoing.again() == (Sequence(5), [])


def test_a_second_cut_while_the_client_sends_again() -> None:
    incoming = Incoming()
    for number in range(10):
        assert incoming.accepts(call(number))
    incoming.replaced()
    incoming.sequence(1)
    assert not incoming.accepts(call(0))
    incoming.replaced()
    incoming.sequence(11)
    assert incoming.accepts(call(10))


def test_incoming_raises_for_the_caller() -> None:
    with pytest.raises(ProtocolError):
        Incoming().sequence(2)


class Client:
    """The other side as the npm client has it, over a wire that may be cut anywhere."""

    def __init__(self, protocol: HubProtocol) -> None:
        self.protocol = protocol
        self.sending = Outgoing(1 << 20)
        self.receiving = Incoming()
        self.framer = protocol.framer(1 << 20)
        self.got: list[int] = []
        self.wire = bytearray()

    def send(self, message: Message) -> None:
        frame = self.protocol.encode(message)
        if isinstance(message, TRACKED):
            self.sending.push(frame)
        self.wire += frame

    def hear(self, data: bytes) -> None:
        for payload in self.framer.feed(data):
            message = self.protocol.decode(payload)
            assert message is not None
            if isinstance(message, Sequence):
                assert message.sequence_id <= self.receiving._next, "the npm client stops here"
                self.receiving.sequence(message.sequence_id)
            elif self.receiving.accepts(message):
                if isinstance(message, Ack):
                    self.sending.ack(message.sequence_id)
                elif isinstance(message, Invocation):
                    self.got.append(message.arguments[0])

    def reconnect(self) -> None:
        self.receiving.replaced()
        self.framer.reset()
        sequence, frames = self.sending.again()
        self.wire = bytearray(self.protocol.encode(sequence) + b"".join(frames))


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
@pytest.mark.parametrize("seed", range(25))
def test_nothing_is_lost_or_doubled_under_cuts(protocol: HubProtocol, seed: int) -> None:
    rng = random.Random(seed)
    server, client = opened(0, protocol, replay_bound=400, client_timeout=1e9), Client(protocol)
    to_client = bytearray()
    received: list[int] = []
    up = down = cuts = 0
    now = 0.0

    def deliver(limit: int) -> None:
        size = min(limit, len(client.wire))
        inputs = server.receive(bytes(client.wire[:size]), now)
        received.extend(i.arguments[0] for i in inputs if isinstance(i, Invocation))
        del client.wire[:size]
        to_client.extend(b"".join(server.outbox))
        server.outbox.clear()
        size = min(limit, len(to_client))
        client.hear(bytes(to_client[:size]))
        del to_client[:size]

    while up < 300 or down < 300 or len(received) < 300 or len(client.got) < 300:
        now += 0.3
        if up < 300 and rng.random() < 0.8:
            client.send(call(up))
            up += 1
        if down < 300 and rng.random() < 0.8:
            server.send(call(down))
            down += 1
        server.tick(now)
        if rng.random() < 0.3:
            client.send(Ack(client.receiving.latest))
        deliver(rng.choice((0, 5, 40, 1000)))
        if rng.random() < 0.1:
            cuts += 1
            to_client.clear()
            if rng.random() < 0.5:
                server.lost(now)
            client.reconnect()
            server.replaced(now)
        assert server.phase is Phase.OPEN
        assert now < 10_000
    assert received == list(range(300))
    assert client.got == list(range(300))
    assert cuts > 5
