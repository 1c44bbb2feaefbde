"""Parsers of what clients send, with inputs that nobody thought of: mutated ones of which a piece is repeated. Nothing
but a refusal comes of them, and three times as many repetitions take no more than a few times as long, by CPU time.

``FUZZ_ROUNDS`` makes it longer.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from tertulia.errors import Refused
from tertulia.http.ranges import span_of
from tertulia.rest import body
from tertulia.rest.accept import accepts_json
from tertulia.signalr import handshake, negotiate
from tertulia.signalr.connection import Connection
from tertulia.signalr.credentials import bearer
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import SignalRError
from tertulia.signalr.messages import Completion, Invocation, Message, StreamInvocation, StreamItem
from tertulia.signalr.options import Options
from tertulia.sockets.plain import frames
from tertulia.tokens import kind_of
from tests.unit.growth import ATTEMPTS, BAR, FACTOR, cpu_seconds

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "150"))
"""For each parser."""
SIZE = 4_000
"""Bytes of the shorter input."""
PER_BYTE = 2e-6
"""CPU seconds: the dearest, small messages of SignalR, take a fifth of that on an idle machine."""
FREE = 0.001
"""CPU seconds that an input of 16 kB may take in any case: caches and the collector make short times vary."""
HUGE = 1 << 24
REFUSALS = (Refused, SignalRError, negotiate.Refused, frames.BadText)

CALLS = [
    b'{"event":"JoinRoom","payload":{"roomId":"6f1c","token":"eyJ.a.b","received":7},"id":7}',
    b'{"event":"SendOffer","payload":{"targetUserId":"sfu","sdp":"v=0\\r\\no=- 1 1 IN IP4 0.0.0.0\\r\\n"},"id":"a"}',
    b'{"event":"UpdateState","payload":{"isMuted":true,"isVideoOn":null}}',
    b'{"event":"SetView","payload":{"videos":[{"userId":"a","source":"camera","maxHeight":1.5e2}]}}',
]
MESSAGES: list[Message] = [
    Invocation(
        "JoinRoom", [{"roomId": "6f1c", "token": "eyJ", "list": [[1, -2.5, None, True]]}], "1", ["2"], {"h": "v"}
    ),
    StreamInvocation("3", "Stream", ["\u00e9\U0001f600"], ["4"]),
    StreamItem("4", {"k": [1, 2, 3]}),
    Completion("5", [1]),
]


def decoded(protocol: HubProtocol) -> Callable[[bytes], object]:
    """Decodes the messages of two pieces, up to the first that is wrong: it would end the connection."""

    def decode(data: bytes) -> object:
        framer = protocol.framer(HUGE)
        half = len(data) // 2
        return [protocol.decode(payload) for piece in (data[:half], data[half:]) for payload in framer.feed(piece)]

    return decode


def connected(protocol: HubProtocol) -> Callable[[bytes], object]:
    """A connection takes it behind its handshake: what a POST of long polling or SSE has in it."""

    def receive(data: bytes) -> object:
        connection = Connection(Options(max_message=HUGE), 0.0)
        connection.receive(b'{"protocol":"%s","version":1}\x1e' % protocol.name.encode(), 0.0)
        return connection.receive(data, 0.0)

    return receive


def text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """Of a header: its bytes are Latin-1."""
    return lambda data: parse(data.decode("latin-1"))


PARSERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "plain frame": (frames.parse, CALLS),
    "REST body": (body.parse, [b'{"hostId":"6f1c","settings":{"maxParticipants":5,"allowedRoles":["host"]},"x":1e5}']),
    "SignalR handshake": (
        lambda data: Connection(Options(max_message=HUGE), 0.0).receive(data, 0.0),
        [b'{"protocol":"messagepack","version":2}\x1e{"type":6}\x1e'],
    ),
    **{
        f"SignalR {kind} {protocol.name}": (parser(protocol), [protocol.encode(message) for message in MESSAGES])
        for protocol in (handshake.JSON, handshake.MESSAGEPACK)
        for kind, parser in (("message", decoded), ("post", connected))
    },
    "Accept": (text(lambda value: accepts_json([value])), [b"text/html, application/*;q=0.5, */*;q=0.1"]),
    "Authorization": (text(bearer), [b"Bearer eyJhbGciOi.eyJzdWIi.c2ln"]),
    "token": (text(kind_of), [b"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", b"tk_6f1c_abcdef"]),
    "Range": (text(lambda value: span_of(value, 1_000)), [b"bytes=0-499", b"bytes=-5", b"bytes=9-"]),
}


def mutated(rng: random.Random, seed: bytes) -> bytearray:
    """``seed`` with a few bytes flipped, left out, or taken from elsewhere in it."""
    data = bytearray(seed)
    for _ in range(rng.randint(0, 3)):
        at, other = rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = rng.randbytes(1)
            case 1:
                del data[at : at + rng.randint(1, 4)]
            case 2:
                data[at:at] = data[other : other + rng.randint(1, 12)]
            case _:
                data[at:at] = rng.choice([b'"', b"\\", b"[", b"]", b"{", b"}", b",", b"\x1e", b"\xc1", b" ", b"9"])
    return data


def pumped(rng: random.Random, seed: bytes) -> Callable[[int], bytes]:
    """An input of which a piece is repeated until it has about as many bytes as it is given."""
    data = bytes(mutated(rng, seed)) or b"0"
    begin = rng.randrange(len(data))
    piece = data[begin : begin + rng.randint(1, 8)]
    # The end is there, or not: a parser may find out late that all was in vain.
    end = data[begin + len(piece) :] if rng.random() < 0.7 else b""
    return lambda size: data[:begin] + piece * (size // len(piece)) + end


def seconds(parse: Callable[[bytes], object], data: bytes) -> float:
    """The CPU time of this thread."""

    def read() -> None:
        with suppress(*REFUSALS):
            parse(data)

    return cpu_seconds(read)


def is_dear(parse: Callable[[bytes], object], short: bytes, long: bytes) -> bool:
    """The long input takes more than its length explains, or than a byte may cost."""
    few, many = seconds(parse, short), seconds(parse, long)
    for _ in range(ATTEMPTS):
        if many <= max(min(BAR * few, PER_BYTE * len(long)), FREE):
            return False
        # Other work on the machine makes a run dearer, none makes it cheaper.
        few, many = min(few, seconds(parse, short)), min(many, seconds(parse, long))
    return True


@pytest.mark.parametrize("name", PARSERS)
def test_whatever_comes_is_refused_or_read_in_linear_time(name: str) -> None:
    parse, seeds = PARSERS[name]
    rng = random.Random(name)
    for _ in range(ROUNDS):
        of_size = pumped(rng, rng.choice(seeds))
        sizes = [of_size(SIZE * FACTOR**power) for power in range(4)]
        # A parser that gives up early on the shorter inputs, or has not seen the end of a message in them, seems to
        # take long for the next one: the longest tell.
        assert not all(is_dear(parse, short, long) for short, long in pairwise(sizes)), repr(sizes[0])
