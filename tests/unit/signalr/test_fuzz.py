"""Whatever bytes come: messages, None or a ProtocolError, nothing else; and a connection ends in order."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import pytest

from tertulia.signalr.connection import Connection, Ended, Phase
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import ProtocolError
from tertulia.signalr.handshake import JSON, MESSAGEPACK
from tertulia.signalr.messages import (
    UNREADABLE,
    Ack,
    Close,
    Completion,
    Invocation,
    Message,
    Ping,
    Sequence,
    StreamInvocation,
    StreamItem,
)
from tertulia.signalr.options import Options

ROUNDS = 20_000
SEEDS: list[Message] = [
    Invocation("Method", [1, "two", {"three": [4.0, None, True]}], "1", ["2"], {"h": "v"}),
    StreamInvocation("3", "Stream", [], ["4"]),
    StreamItem("4", {"k": [1, 2, 3]}),
    Completion("4"),
    Completion("5", [1]),
    Completion("6", error="no"),
    Ack(3),
    Sequence(1),
    Close("bye"),
    Ping(),
]


def mutated(protocol: HubProtocol, rng: random.Random) -> Iterator[bytes]:
    """Frames with bytes flipped, cut out, doubled or made up."""
    frames = [protocol.encode(message) for message in SEEDS]
    for _ in range(ROUNDS):
        data = bytearray(rng.choice(frames))
        for _ in range(rng.randint(0, 4)):
            at = rng.randrange(len(data)) if data else 0
            match rng.randrange(5):
                case 0 if data:
                    data[at] = rng.randrange(256)
                case 1 if data:
                    data[at] ^= 1 << rng.randrange(8)
                case 2:
                    del data[at : at + rng.randint(1, 4)]
                case 3:
                    data[at:at] = rng.randbytes(rng.randint(1, 6))
                case _:
                    data[at:at] = data[at : at + 8]
        yield bytes(data)


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
def test_decoding_raises_protocol_errors_only(protocol: HubProtocol) -> None:
    outcomes = {"message": 0, "ignored": 0, "error": 0}
    for data in mutated(protocol, random.Random(7)):
        for payload in protocol.framer(4096).feed(data) or [data]:
            try:
                message = protocol.decode(payload)
            except ProtocolError:
                outcomes["error"] += 1
            else:
                outcomes["message" if message is not None else "ignored"] += 1
                content = (*getattr(message, "arguments", ()), getattr(message, "item", None))
                if message is not None and UNREADABLE not in content:
                    protocol.encode(message)
            with contextlib.suppress(ProtocolError):
                protocol.skim(payload)
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
@pytest.mark.parametrize("stateful", [False, True])
def test_a_connection_lives_through_it_or_ends_once(protocol: HubProtocol, stateful: bool) -> None:
    rng = random.Random(11)
    connection, ended = None, 0
    for data in mutated(protocol, rng):
        if connection is None or connection.phase is Phase.CLOSED:
            connection = Connection(Options(max_message=200), 0, stateful=stateful)
            connection.receive(b'{"protocol":"%s","version":2}\x1e' % protocol.name.encode(), 0)
        cut = rng.randrange(len(data) + 1)
        inputs = connection.receive(data[:cut], 1) + connection.receive(data[cut:], 1)
        last = [index for index, one in enumerate(inputs) if isinstance(one, Ended)]
        assert bool(last) == (connection.phase is Phase.CLOSED)
        assert not last or last == [len(inputs) - 1]
        ended += bool(last)
    assert ended > 100


def test_random_handshakes() -> None:
    rng = random.Random(13)
    good = b'{"protocol":"json","version":1}\x1e'
    phases = set()
    for _ in range(ROUNDS):
        data = bytearray(good)
        for _ in range(rng.randint(0, 3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        connection = Connection(Options(), 0)
        connection.receive(bytes(data), 0)
        phases.add(connection.phase)
    assert phases == set(Phase)
