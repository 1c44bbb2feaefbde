"""How attackers connect, and what they write."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

Attack = Callable[["Site"], Awaitable[None]]
"""Does its worst until cancelled."""

LORIS: Final = 1500
"""Connections that send slowly."""
LASTS: Final = 0.25
"""Seconds after which a connection has lasted: who is refused hears of it at once."""
BUSY: Final = 64
"""Connections that send as much as they can."""


@dataclass
class Site:
    """What is attacked, and the room in which the attacker has seats: ``tickets`` are ``userId``, ``token``."""

    port: int
    room: str
    tickets: list[dict[str, str]]
    victim: str
    """The userId of a member of the call."""
    sdp: str
    """An offer that a client might make."""
    hits: int = 0
    """How often the attack has reached the server: a request that was answered, something sent by a connection that has
    lasted, by one that has a seat, or whose path to the SFU was checked."""


_KEY: Final = base64.b64encode(bytes(16))
TEXT, BEGINNING, CONTINUATION, PING = 0x81, 0x01, 0x00, 0x89
"""First octets of frames (RFC 6455, section 5.2)."""
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\n\r\n"
)
_open: Final[set[asyncio.StreamWriter]] = set()
_reading: Final[set[asyncio.Future[None]]] = set()


async def connected(site: Site, first: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which this was written."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    _open.add(writer)
    writer.write(first)
    return reader, writer


async def until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    """What comes up to this, inclusive. Raises ConnectionResetError, if that does not come."""
    try:
        return await reader.readuntil(end)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as e:
        raise ConnectionResetError from e


async def upgraded(site: Site, upgrade: bytes = UPGRADE) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket. What is written before the server has answered it does not read (RFC 6455, section 4.1)."""
    reader, writer = await connected(site, upgrade)
    head = await until(reader, b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101 "):
        hang_up(writer)
        raise ConnectionRefusedError
    return reader, writer


def hang_up(writer: asyncio.StreamWriter) -> None:
    """Break a connection."""
    writer.transport.abort()
    _open.discard(writer)


async def linger(site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait for a second, which counts as a hit if the connection lasts. Raises ConnectionResetError: the server has
    answered, or ended it, and it is over."""
    try:
        async with asyncio.timeout(LASTS):
            await reader.read(1)
    except TimeoutError:
        site.hits += 1
        await asyncio.sleep(1 - LASTS)
    else:
        hang_up(writer)
        raise ConnectionResetError


async def busy_with(count: int, one: Callable[[], Awaitable[None]]) -> None:
    """Do this again and again, so many times at once."""

    async def again() -> None:
        while True:
            try:
                await one()
            except (OSError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.05)

    await asyncio.gather(*[again() for _ in range(count)])


async def all_guests(site: Site, one: Callable[[int], Awaitable[None]]) -> None:
    """Have each guest do this again and again, given their number."""
    numbers = range(len(site.tickets))
    await asyncio.gather(*[busy_with(1, partial(one, number)) for number in numbers])


async def again_and_again(site: Site, request: bytes, *, is_kept: bool = False) -> None:
    """Send a request as often as it goes, by BUSY connections; ``is_kept``: while the server keeps them."""

    async def one() -> None:
        reader, writer = await connected(site, request)
        if not request:
            site.hits += 1
        while request and await reader.read(65_536):
            site.hits += 1
            if not is_kept:
                break
            writer.write(request)
        hang_up(writer)

    await busy_with(BUSY, one)


async def as_guest(
    site: Site, call: Callable[[int], tuple[str, Any]] | bytes, each: float = 0.0, first: bytes = b""
) -> None:
    """Make calls, so many seconds apart, by a seat that is taken again when it is lost; or send these bytes."""

    async def one() -> None:
        writer = await seated(site, 0)
        writer.write(first)
        for number in itertools.count():
            await land(site, writer, call if isinstance(call, bytes) else call_frame(*call(number)))
            await asyncio.sleep(each)

    await busy_with(1, one)


async def as_signalr_guest(site: Site, messages: bytes) -> None:
    """Send these messages of SignalR again and again, by a seat that is taken again when it is lost."""
    ticket = site.tickets[0]
    join = {"type": 1, "target": "JoinRoom", "invocationId": "1"}
    join["arguments"] = [{"roomId": site.room, "token": ticket["token"]}]
    begin = [b'{"protocol":"json","version":1}', json.dumps(join).encode()]

    async def one() -> None:
        reader, writer = await upgraded(site, UPGRADE.replace(b"/ws", b"/hub"))
        writer.write(frame(b"".join(message + b"\x1e" for message in begin)))
        await until(reader, b'"invocationId":"1"')
        await _check(reader, writer)
        discard(reader)
        await pump(site, writer, frame(messages))

    await busy_with(1, one)


async def pump(site: Site, writer: asyncio.StreamWriter, frame: bytes) -> None:
    """Write this as often as it goes."""
    while True:
        await land(site, writer, frame)
        await asyncio.sleep(0)


async def land(site: Site, writer: asyncio.StreamWriter, sent: bytes) -> None:
    """Write this, which counts as a hit. Raises OSError: the connection is gone."""
    writer.write(sent)
    await writer.drain()
    site.hits += 1


async def on_an_sfu(site: Site, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    """A connection that has joined and was told of its transport."""
    reader, writer = await upgraded(site)
    writer.write(join_frame(site, number))
    await until(reader, b'"transportId":"')
    transport = (await until(reader, b'"'))[:-1].decode()
    await until(reader, b"}}")
    return reader, writer, transport


async def seated(site: Site, number: int, *, reads: bool = True) -> asyncio.StreamWriter:
    """A connection that has joined."""
    reader, writer = await upgraded(site)
    if not reads:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(join_frame(site, number))
    await until(reader, b'"replyTo":1')
    await _check(reader, writer)
    if reads:
        discard(reader)
    else:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


async def _check(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what is behind the number of a call that is answered. Raises ConnectionRefusedError: it is an error."""
    if await until(reader, b":") != b',"result":':
        hang_up(writer)
        raise ConnectionRefusedError


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Any]:
    """What the hub says in text frames, from the beginning of a frame on."""
    while True:
        first, size = await reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8))
        payload = await reader.readexactly(size)
        if first == TEXT:
            yield json.loads(payload)


def discard(reader: asyncio.StreamReader) -> None:
    """Read on, whatever comes."""
    _reading.add(asyncio.ensure_future(_discard(reader)))


async def _discard(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65_536):
            pass
    except OSError:
        pass


def join_frame(site: Site, number: int) -> bytes:
    """JoinRoom of the guest with this number."""
    return call_frame("JoinRoom", {"roomId": site.room, "token": site.tickets[number]["token"]}, 1)


def call_frame(event: str, payload: Any, number: int | None = None) -> bytes:
    """A call of the plain dialect."""
    return frame(json.dumps({"event": event, "payload": payload, "id": number}).encode())


def frame(payload: bytes, first: int = TEXT) -> bytes:
    """A masked frame whose masking key is zero, a whole text unless said otherwise."""
    size = len(payload)
    if size < 126:
        head = bytes([first, 128 | size])
    elif size < 65_536:
        head = bytes([first, 128 | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, 128 | 127]) + size.to_bytes(8)
    return head + bytes(4) + payload


async def forget() -> None:
    """End what is still open."""
    for task in _reading:
        task.cancel()
    if _reading:
        await asyncio.wait(_reading)
    for writer in _open:
        writer.transport.abort()
    _open.clear()
    _reading.clear()


def post(path: str, body: bytes, credential: str) -> bytes:
    """A request with JSON."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {credential}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
