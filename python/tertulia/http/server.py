"""uvicorn's HTTP/1.1 protocol behind a :class:`Gate`, with bounds on the head of a request, and with upgrades declined
that we do not know."""

from __future__ import annotations

import asyncio
from array import array
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tertulia.errors import Crowded, HeadTooLarge, Malformed, RateLimited, Refused
from tertulia.http.gate import Gate
from tertulia.http.metrics import REFUSED
from tertulia.http.reading import Paced
from tertulia.places import Place
from tertulia.rest.problem import problem
from tertulia.sockets.tcp import enable_keepalive

MAX_HEAD: Final = 64 * 1024
"""Bytes of request line and headers: httptools itself accepts any number of headers."""
HEAD_SECONDS: Final = 15.0
"""How long a request may take from its first byte to the end of the headers."""
KEEP_ALIVE_SECONDS: Final = 75
"""How long a connection may be idle, before its first request and between requests: longer than those of load balancers
(60 s), so that none sends a request on a connection that is being closed."""
CROWDED_SECONDS: Final = 3
"""The same while many connections are open: browsers open them again as they need them."""
UNREAD_SECONDS: Final = 150
"""How long the kernel waits for a client that reads nothing: longer than files do, which may be watched with pauses."""
REFUSED_AFTER: Final = 2.0
"""Seconds that a request beyond the rate waits for its refusal: who is told at once asks again at once."""
PARTING_SECONDS: Final = 1.0
"""How long a client that was refused may read why. A socket that is closed at once, with unread input, is reset."""
_CROWDED: Final = "too many connections are open, of this address or in all: close some, or try again later"
_UPGRADE: Final = frozenset({b"upgrade", b"http2-settings"})


class BoundedHttp(HttpToolsProtocol):
    """Refuses connections and requests that are too many (503, 429), and requests whose head is too large (431); closes
    a connection whose head is too slow."""

    _head_size = 0
    _head_timer: asyncio.TimerHandle | None = None
    _parting_timer: asyncio.TimerHandle | None = None
    _place: Place | None = None
    parser: _Parser
    _declined: bytes | None = None
    """The head of the request that is being read, without the upgrade that it offers."""
    _is_refused = False
    """Nothing is read any more."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        gate: Gate,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser = _Parser(self)
        self._gate = gate
        self._app: Any = self.app

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that has sent nothing yet is idle: load balancers and browsers open some in advance."""
        super().connection_made(transport)
        # A client that vanishes, or reads nothing more, would keep its place until the kernel gives up.
        enable_keepalive(transport.get_extra_info("socket"), UNREAD_SECONDS)
        self._place = self._gate.enter(self._peer)
        if self._place is None:
            self._refuse(Crowded(_CROWDED, KEEP_ALIVE_SECONDS))
        else:
            self._head_timer = self.loop.call_later(self._idle_seconds(), transport.close)

    def data_received(self, data: bytes) -> None:
        """As uvicorn's; what cannot be read is refused in our words."""
        self._unset_keepalive_if_required()
        if self._is_refused:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
        except httptools.HttpParserError:
            if not self._is_refused:
                self._refuse(Malformed("this is not HTTP/1.1 (RFC 9112)"))
        if self._head_timer is None and self._is_idle:  # a line end before a request is none
            self._head_timer = self.loop.call_later(self._idle_seconds(), self.transport.close)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_size = 0
        self._end_timer()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_url(self, url: bytes) -> None:
        """A part of the request target."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._end_timer()
        if self._offers_unknown_upgrade():
            self._declined = self._head_without_upgrade()
            return
        forwarded = [value.decode("latin-1") for name, value in self.headers if name == b"x-forwarded-for"]
        if self.parser.should_upgrade() and self._should_upgrade():
            self._admit(self._gate.upgrade(self._peer, forwarded, self.loop.time()) or 0.0)
        else:
            self._admit(self._gate.wait(self._peer, forwarded, self.loop.time()))
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete, unless it is about to be read again."""
        if self._declined is None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """The connection may be idle now."""
        self.timeout_keep_alive = self._idle_seconds()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """The connection is not HTTP's any more: neither its place nor its time for being idle."""
        self._leave()
        super().handle_websocket_upgrade()

    def take_declined(self) -> bytes | None:
        """The head to read in place of one that offered an upgrade, if it did; by a new parser."""
        head, self._declined = self._declined, None
        if head is not None:
            self.parser = _Parser(self)
        return head

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing waits for a connection that is gone."""
        self._end_timer()
        self._leave()
        if self._parting_timer is not None:
            self._parting_timer.cancel()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, partial(_answer, cycle, app))

    def _idle_seconds(self) -> int:
        is_crowded = self._place is not None and self._gate.places.is_crowded(self._place)
        return CROWDED_SECONDS if is_crowded else KEEP_ALIVE_SECONDS

    @property
    def _is_idle(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return self._place is not None and not self._is_refused and (cycle is None or cycle.response_complete)

    @property
    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _leave(self) -> None:
        if self._place is not None:
            self._place.leave()
            self._place = None

    def _offers_unknown_upgrade(self) -> bool:
        # To the parser CONNECT is an upgrade, too.
        is_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        return is_upgrade and not self._should_upgrade()

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        for name, value in self.headers:
            if name == b"connection":
                options = [option.strip() for option in value.split(b",")]
                value = b", ".join(option for option in options if option.lower() not in _UPGRADE)  # noqa: PLW2901
            if name not in _UPGRADE and (value or name != b"connection"):
                lines.append(name + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD:
            self._refuse(HeadTooLarge(f"the request line and headers are larger than {MAX_HEAD} bytes"))
            raise _Stop

    def _admit(self, turn: float | RateLimited) -> None:
        """Have the request that is being read wait for its turn. Raises _Stop: it is refused."""
        if isinstance(turn, RateLimited):
            self._is_refused = True
            self._parting_timer = self.loop.call_later(REFUSED_AFTER, self._gate.pace.run, partial(self._refuse, turn))
            raise _Stop
        self.app = _later(turn, self._app) if turn else self._app

    def _refuse(self, error: Refused) -> None:
        """Say why, and take nothing more. What waits for its answer gets it, and then the connection ends unsaid."""
        self._is_refused = True
        self._end_timer()
        REFUSED.labels(error.code).inc()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if self.transport.is_closing():
            return
        if cycle is None or cycle.response_complete:
            self.transport.write(_raw(problem(error)))
            self._part()
        elif cycle.more_body:  # it is this request that cannot be read
            if not cycle.response_started and not self.pipeline:
                self.transport.write(_raw(problem(error)))
            self.transport.close()
        else:
            cycle.keep_alive = False

    def _part(self) -> None:
        """Close, once the client has had the time to read what was said."""
        self._leave()
        self._place = self._gate.parting.enter_anyhow()
        if self._place is None or not self.transport.can_write_eof():
            self.transport.close()
        else:
            self.transport.write_eof()
            self._parting_timer = self.loop.call_later(PARTING_SECONDS, self.transport.close)


def paced_http(
    config: Config,
    server_state: ServerState,
    app_state: dict[str, Any],
    _loop: asyncio.AbstractEventLoop | None = None,
    *,
    gate: Gate,
) -> Paced:
    """For uvicorn's ``Config(http=…)``, with a ``gate``."""
    return Paced(BoundedHttp(config, server_state, app_state, _loop, gate=gate), gate.pace)


async def _answer(cycle: RequestResponseCycle, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have ``app`` answer, to nobody once the connection is closed. uvicorn learns of that a turn of the loop later,
    and of several requests that came at once only for the last; until then it would write, which is an error."""

    async def send_if_open(message: Message) -> None:
        if cycle.transport.is_closing():
            cycle.disconnected = True
        await send(message)

    await app(scope, receive, send_if_open)


class _Stop(Exception):
    """Ends the parsing of what is refused."""


def _later(seconds: float, app: ASGIApp) -> ASGIApp:
    """``app`` for a request that has to wait."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(seconds)
        await app(scope, receive, send)

    return serve


def _raw(response: Response) -> bytes:
    """The last response of a connection, as it goes over the wire."""
    status = HTTPStatus(response.status_code)
    lines = [b"HTTP/1.1 %d %b" % (status, status.phrase.encode())]
    lines += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*lines, b"connection: close", b"", bytes(response.body)])


class _Parser(httptools.HttpRequestParser):
    """Reads a request that offers an upgrade to what we do not speak (h2c, of the JDK and curl) as if it did not, which
    RFC 9110 allows (section 7.8). llhttp takes what follows such a head for the other protocol's, a body included."""

    def __init__(self, protocol: BoundedHttp) -> None:
        super().__init__(protocol)
        # As uvicorn: a client may send more behind a request after which the connection is closed.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
        self._protocol = protocol

    def feed_data(self, data: bytes | bytearray | memoryview[int] | array[int]) -> None:
        """Parse ``data``. Raises HttpParserError, HttpParserUpgrade."""
        parser, rest = self, memoryview(data)
        while True:
            try:
                parser.feed_one(rest)
            except httptools.HttpParserUpgrade as offer:
                head = self._protocol.take_declined()
                if head is None:
                    raise
                parser = self._protocol.parser
                parser.feed_one(head)
                rest = rest[offer.args[0] :]
            else:
                return

    def feed_one(self, data: bytes | memoryview[int]) -> None:
        """Parse ``data`` up to an upgrade that is offered."""
        super().feed_data(data)
