"""Nothing that a client sends costs more than linear time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request

from tertulia import logging
from tertulia.errors import Refused
from tertulia.http.ranges import span_of
from tertulia.oidc import flow
from tertulia.oidc.steps import SignInFailed
from tertulia.rest import body
from tertulia.rest.accept import accepts_json
from tertulia.rest.cookies import cookie_of
from tertulia.signalr import handshake, negotiate
from tertulia.signalr.connection import Connection
from tertulia.signalr.credentials import bearer
from tertulia.signalr.errors import SignalRError
from tertulia.signalr.framing import LengthFramer, RecordFramer
from tertulia.signalr.options import Options
from tertulia.sockets.plain import frames
from tertulia.tokens import kind_of
from tests.unit.growth import assert_linear

SIZE = 60_000
HUGE = 1 << 24
CALL = b'{"type":1,"target":"a","arguments":['


def feed(framer: RecordFramer | LengthFramer, data: bytes, step: int) -> None:
    """Give it ``data`` in pieces."""
    for begin in range(0, len(data), step):
        framer.feed(data[begin : begin + step])


def shake(data: bytes) -> None:
    """A handshake, byte by byte."""
    connection = Connection(Options(max_message=HUGE), 0.0)
    for byte in data:
        connection.receive(bytes((byte,)), 0.0)


def hide(text: str) -> Any:
    """What the log does with a path."""
    return logging.hide_secrets(None, "", {"path": text})


def prefixes(count: int) -> bytes:
    """Messages without content."""
    return b"\0" * count


def come_back(query: bytes) -> None:
    """As a person whom a provider sends back."""
    with contextlib.suppress(SignInFailed):
        flow.read_callback(query)


def cookie(header: bytes) -> str | None:
    """What is read of a request's cookies."""
    scope = {"type": "http", "scheme": "http", "server": ("x", 80), "path": "/", "query_string": b""}
    return cookie_of(Request(scope | {"headers": [(b"cookie", header)]}), None)


CASES: dict[str, Callable[[int], Callable[[], Any]]] = {
    "sign-in: a query of names": lambda n: lambda: come_back(b"a&" * (n // 2)),
    "sign-in: a query of percent signs": lambda n: lambda: come_back(b"state=" + b"%" * n),
    "plain: brackets": lambda n: lambda: frames.parse(b'{"event":' + b"[" * n),
    "plain: shallow lists": lambda n: lambda: frames.parse(b'{"event":"x","payload":[' + b"[]," * n + b"0]}"),
    "plain: numbers too large": lambda n: lambda: frames.parse(b'{"event":"x","payload":[' + b"1e999," * n + b"0]}"),
    "plain: commas in a string": lambda n: lambda: frames.parse(b'{"event":"x","payload":"' + rb",\\" * n + b'"}'),
    "plain: escapes": lambda n: lambda: frames.parse(b'{"event":"' + rb"\ud800" * n + b'"}'),
    "plain: keys": lambda n: lambda: frames.parse(b"{" + b'"a":1,' * n + b'"event":"x"}'),
    "plain: digits": lambda n: lambda: frames.parse(b'{"event":"x","id":' + b"9" * n + b"}"),
    "plain: beyond the rate, brackets": lambda n: lambda: frames.head_of(b'{"event":' + b"[" * n),
    "plain: beyond the rate, escapes": lambda n: lambda: frames.head_of(b'{"event":"' + rb"\ud800" * n + b'"}'),
    "plain: not UTF-8": lambda n: lambda: frames.parse(b"a" * n + b"\xff"),
    "SignalR: handshake byte by byte": lambda n: lambda: shake(b" " * n),
    "SignalR: JSON in pieces": lambda n: lambda: feed(RecordFramer(HUGE), b"a" * n, 7),
    "SignalR: many small JSON messages": lambda n: lambda: feed(RecordFramer(HUGE), b"\x1e" * n, n),
    "SignalR: MessagePack in pieces": lambda n: lambda: feed(LengthFramer(HUGE), b"\xff\xff\xff\x03" + b"a" * n, 7),
    "SignalR: many small MessagePack messages": lambda n: lambda: feed(LengthFramer(HUGE), prefixes(n), n),
    "SignalR: JSON call": lambda n: (
        lambda: handshake.JSON.decode(b'{"type":1,"target":"a","arguments":["' + rb"\ud800" * n + b'"]}')
    ),
    "SignalR: JSON digits": lambda n: (
        lambda: handshake.JSON.decode(b'{"type":1,"target":"a","arguments":[' + b"9" * n + b"]}")
    ),
    "SignalR: JSON nested too deep": lambda n: lambda: handshake.JSON.decode(CALL + b'[0,"",' * n),
    "SignalR: JSON nested too deep, strings": lambda n: lambda: handshake.JSON.decode(CALL + b"[" * n + rb'"\"' * n),
    "SignalR: MessagePack nested too deep": lambda n: (
        lambda: handshake.MESSAGEPACK.decode(b"\x96\x01\x80\xc0\xa1a" + b"\x91" * n)
    ),
    "SignalR: MessagePack headers": lambda n: (
        lambda: handshake.MESSAGEPACK.decode(b"\x96\x01\xdf" + b"\xff" * 4 + b"\x80" * n + b"\x91" * n)
    ),
    "SignalR: MessagePack call": lambda n: (
        lambda: handshake.MESSAGEPACK.decode(b"\x96\x01\x80\xc0\xa1a\xdd" + n.to_bytes(4) + b"\xa1\xff" * n + b"\x90")
    ),
    "SignalR: JSON strings": lambda n: lambda: handshake.JSON.decode(CALL + b'"\t",' * n + b"0]}"),
    "SignalR: JSON strings that are no items": lambda n: (
        lambda: handshake.JSON.decode(b'{"type":2,"invocationId":"1","item":1' + b',"\t":"\t"' * n + b"}")
    ),
    "SignalR: JSON strings side by side": lambda n: lambda: handshake.JSON.decode(CALL + b'""' * n),
    "SignalR: JSON lists": lambda n: lambda: handshake.JSON.decode(CALL + b"[]," * n + b"0]}"),
    "SignalR: JSON commas in a string": lambda n: lambda: handshake.JSON.decode(CALL + b'"' + rb",\\" * n + b'"]}'),
    "SignalR: JSON neither strings nor brackets": lambda n: lambda: handshake.JSON.decode(CALL + b":" * n),
    "SignalR: MessagePack lists": lambda n: (
        lambda: handshake.MESSAGEPACK.decode(b"\x96\x01\x80\xc0\xa1a\xdd" + n.to_bytes(4) + b"\x90" * n + b"\x90")
    ),
    "SignalR: beyond the rate, JSON": lambda n: lambda: handshake.JSON.skim(CALL + b'"\t' + b'",' * n + b"0]}"),
    "SignalR: beyond the rate, MessagePack": lambda n: (
        lambda: handshake.MESSAGEPACK.skim(b"\x96\x01\xdf" + n.to_bytes(4) + b"\xa0" * n + b"\x91" * n)
    ),
    "SignalR: version": lambda n: lambda: negotiate.parse({"negotiateversion": "9" * n}),
    "REST: digits": lambda n: lambda: body.parse(b"[" + b"9" * n + b"]"),
    "REST: exponent": lambda n: lambda: body.parse(b"[1e" + b"9" * n + b"]"),
    "REST: brackets": lambda n: lambda: body.parse(b"[" * n),
    "REST: nested objects": lambda n: lambda: body.parse(b'{"a":' * n),
    "REST: quotes": lambda n: lambda: body.parse(b'"' * n),
    "REST: quotes and backslashes": lambda n: lambda: body.parse(b'"\\' * n),
    "REST: strings of two backslashes": lambda n: lambda: body.parse(b'"\\\\' * n),
    "REST: keys": lambda n: lambda: body.parse(b"{" + b",".join(b'"%d":1' % i for i in range(n)) + b"}"),
    "REST: Accept": lambda n: lambda: accepts_json([",;q=" * n]),
    "REST: Authorization": lambda n: lambda: bearer("bearer" + " " * n + "\x7f"),
    "REST: cookies, quoted": lambda n: lambda: cookie(b'tertulia="' + b"\\" * n + b'"'),
    "REST: cookies, many": lambda n: lambda: cookie(b"a=b;" * n),
    "REST: token": lambda n: lambda: kind_of("." * n),
    "Range": lambda n: lambda: span_of("bytes=" + " " * n + "x", 10),
    "log: JWTs": lambda n: lambda: hide("eyJ" * n),
    "log: words": lambda n: lambda: hide("/a-eyJ-" * n),
    "log: users": lambda n: lambda: hide("://a:b" * n),
    "log: keys": lambda n: lambda: hide("tk_" * n),
    "log: queries": lambda n: lambda: hide("access_token=" * n),
}


@pytest.mark.parametrize("case", CASES)
def test_time_is_linear(case: str) -> None:
    def read(size: int) -> Callable[[], None]:
        parse = CASES[case](size)

        def read_or_refuse() -> None:
            with contextlib.suppress(Refused, SignalRError, negotiate.Refused, frames.BadText):
                parse()

        return read_or_refuse

    assert_linear(read, SIZE)
