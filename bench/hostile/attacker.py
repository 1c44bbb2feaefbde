"""``python -m bench.hostile.attacker ATTACK SITE``: one attack, in a process of its own, at the lowest priority.

SITE is JSON (see :class:`Site`). Each line of the standard input begins the attack, or ends it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import uvloop

Attack = Callable[["Site"], Awaitable[None]]
"""Does its worst until cancelled."""

LORIS: Final = 1500
"""Connections that send slowly."""
BUSY: Final = 64
"""Connections that send as much as they can."""
MANY: Final = 300


class Site(NamedTuple):
    """What is attacked, and the room in which the attacker has seats: ``tickets`` are ``userId``, ``token``."""

    port: int
    room: str
    tickets: list[dict[str, str]]
    victim: str
    """The userId of a member of the call."""
    sdp: str
    """An offer that a client might make."""


# --- anonymous


async def slow_loris(site: Site) -> None:
    """Connections that send a byte of their heads a second."""

    async def one() -> None:
        _, writer = await _connected(site)
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"x" * 1000:
            writer.write(bytes([byte]))
            await asyncio.sleep(1)

    await _each(LORIS, one)


async def large_heads(site: Site) -> None:
    """Heads of 64 KiB and more."""
    fields = b"".join(b"X-%d: %b\r\n" % (n, b"x" * 900) for n in range(80))
    await _again_and_again(site, b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")


async def connections(site: Site) -> None:
    """Connections that are opened and closed."""
    await _again_and_again(site, b"")


async def pages(site: Site) -> None:
    """Requests for a page."""
    await _again_and_again(site, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", is_kept=True)


async def wrong_credentials(site: Site) -> None:
    """Requests with API keys that do not exist, and bodies of 64 KiB."""
    await _again_and_again(site, _post("/v1/rooms", b"x" * 65_000, "tk_wrong"), is_kept=True)


async def upgrades_to_h2c(site: Site) -> None:
    """Requests that offer an upgrade to what the server does not speak."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    await _again_and_again(site, b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n", is_kept=True)


async def long_paths(site: Site) -> None:
    """Requests for paths of 24 kB, most of it escapes."""
    await _again_and_again(site, b"GET /r/" + b"%41" * 8_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", is_kept=True)


async def garbage(site: Site) -> None:
    """What is not HTTP."""
    await _again_and_again(site, os.urandom(4096))


async def websockets(site: Site) -> None:
    """WebSockets that are opened and closed."""
    await _again_and_again(site, _UPGRADE)


async def silent_websockets(site: Site) -> None:
    """WebSockets that are opened and do not join."""

    async def one() -> None:
        while True:
            reader, _ = await _connected(site, _UPGRADE)
            await reader.read()

    await _each(LORIS, one)


# --- with a seat


async def deep_json(site: Site) -> None:
    """Bodies of nothing but brackets, by somebody who may call."""
    body = b'{"userId":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    await _again_and_again(site, _post(f"/v1/rooms/{site.room}/join", body, site.tickets[0]["token"]), is_kept=True)


async def calls(site: Site) -> None:
    """As many calls as are allowed."""
    await _as_guest(site, lambda n: ("UpdateState", {"isMuted": n % 2 == 0}), each=0.01)


async def chat(site: Site) -> None:
    """As much chat as the connection takes."""
    await _as_guest(site, lambda _n: ("SendChat", {"text": "x" * 4000}))


async def views(site: Site) -> None:
    """Views, another one each time."""
    users = [site.victim, *(ticket["userId"] for ticket in site.tickets)]

    def view(number: int) -> tuple[str, Any]:
        return "SetView", {
            "videos": [{"userId": users[(number + n) % len(users)], "source": "camera"} for n in range(5)]
        }

    await _as_guest(site, view)


async def offers(site: Site) -> None:
    """Offers of 200,000 characters to the SFU."""
    lines = site.sdp + "a=x\r\n" * ((199_000 - len(site.sdp)) // 5)
    await _as_guest(site, lambda _n: ("SendOffer", {"targetUserId": "sfu", "sdp": lines, "slots": True}))


async def offers_to_a_member(site: Site) -> None:
    """The same to a member of the call."""
    lines = "v=0\r\n" + "a=x\r\n" * 39_000
    await _as_guest(site, lambda _n: ("SendOffer", {"targetUserId": site.victim, "sdp": lines}))


async def malformed(site: Site) -> None:
    """Frames that are no calls."""
    frame = _frame(b"[" * 60_000)

    async def one() -> None:
        while True:
            writer = await _seated(site, 0)
            await _pump(writer, frame)

    await one()


async def slow_readers(site: Site) -> None:
    """Members who do not read, while another one makes the others hear much."""
    for number in range(1, len(site.tickets)):
        await _seated(site, number, reads=False)
    await chat(site)


async def reconnects(site: Site) -> None:
    """Seats that are taken again and again, by connections that break."""

    async def one(number: int) -> None:
        while True:
            writer = await _seated(site, number)
            writer.transport.abort()

    await asyncio.gather(*[one(number) for number in range(len(site.tickets))])


async def calls_over_reconnects(site: Site) -> None:
    """As many calls as a new connection may make at once, then another one that takes the seat."""

    async def one() -> None:
        writer = await _seated(site, 0)
        calls = (("UpdateState", {"isMuted": n % 2 == 0}) if n % 2 else ("SendChat", {"text": "x"}) for n in range(470))
        writer.write(b"".join(_call(event, payload) for event, payload in calls))
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.transport.abort()

    while True:
        try:
            await one()
        except OSError:
            await asyncio.sleep(0.02)


async def nested_payloads(site: Site) -> None:
    """Calls of 250 kB of lists."""
    lists = b"[" + (b"[" * 20 + b"]" * 20 + b",") * 6_000 + b"0]"
    await _as_guest(site, _frame(b'{"event":"KeepAlive","payload":' + lists + b"}"))


async def candidates(site: Site) -> None:
    """Candidates of 250 kB to a member of the call."""
    payload = {"targetUserId": site.victim, "candidate": {"candidate": "x" * 250_000}}
    await _as_guest(site, lambda _n: ("SendIceCandidate", payload))


async def pings(site: Site) -> None:
    """Pings of a WebSocket, a thousand in each write."""
    await _as_guest(site, _frame(b"", _PING) * 1_000)


async def empty_fragments(site: Site) -> None:
    """A message in fragments without content, that never ends."""
    await _as_guest(site, _frame(b"", _CONTINUATION) * 1_000, first=_frame(b"{", _BEGINNING))


async def signalr_pings(site: Site) -> None:
    """Messages of SignalR that are no calls, as many as fit into a frame."""
    await _as_signalr_guest(site, b'{"type":6}\x1e' * 20_000)


async def signalr_unknown(site: Site) -> None:
    """The same of a type that there is not, of a stream that there is not, and Acks of nothing."""
    some = b'{"type":99}\x1e{"type":2,"invocationId":"1","item":[[]]}\x1e{"type":8,"sequenceId":1}\x1e'
    await _as_signalr_guest(site, some * 3_000)


async def media_stopped(site: Site) -> None:
    """A member who says each second that their media has stopped."""

    async def one() -> None:
        reader, writer = await _connected(site, _UPGRADE)
        writer.write(_join(site, 0))
        await reader.readuntil(b'"transportId":"')
        transport = (await reader.readuntil(b'"'))[:-1].decode()
        _reading.add(asyncio.ensure_future(_discard(reader)))
        while True:
            writer.write(_call("MediaStopped", {"transportId": transport}))
            await writer.drain()
            await asyncio.sleep(1)

    while True:
        try:
            await one()
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.05)


async def guessed_tokens(site: Site) -> None:
    """New connections that each guess twenty tokens at once."""
    guess = {"roomId": site.room, "token": "e30.e30.x"}
    await _again_and_again(site, _UPGRADE + _call("JoinRoom", guess) * 20)


ATTACKS: Final[dict[str, Attack]] = {
    attack.__name__.replace("_", " "): attack
    for attack in (
        *(slow_loris, large_heads, connections, pages, wrong_credentials, upgrades_to_h2c, garbage),
        *(websockets, silent_websockets, deep_json, calls, chat, views, offers, offers_to_a_member),
        *(malformed, slow_readers, reconnects, long_paths, calls_over_reconnects, nested_payloads, candidates),
        *(pings, empty_fragments, signalr_pings, signalr_unknown, media_stopped, guessed_tokens),
    )
}

# --- how


_KEY: Final = base64.b64encode(bytes(16))
_TEXT, _BEGINNING, _CONTINUATION, _PING = 0x81, 0x01, 0x00, 0x89
"""First octets of frames (RFC 6455, section 5.2)."""
_UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + _KEY + b"\r\n\r\n"
)
_open: set[asyncio.StreamWriter] = set()


async def _connected(site: Site, first: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    _open.add(writer)
    writer.write(first)
    return reader, writer


async def _each(count: int, one: Callable[[], Awaitable[None]]) -> None:
    async def on() -> None:
        while True:
            try:
                await one()
            except OSError:
                await asyncio.sleep(0.05)

    await asyncio.gather(*[on() for _ in range(count)])


async def _again_and_again(site: Site, request: bytes, *, is_kept: bool = False) -> None:
    """Send a request as often as it goes, by BUSY connections; ``is_kept``: while the server keeps them."""

    async def one() -> None:
        reader, writer = await _connected(site, request)
        while request and await reader.read(65_536) and is_kept:
            writer.write(request)
        writer.transport.abort()
        _open.discard(writer)

    await _each(BUSY, one)


async def _as_guest(
    site: Site, call: Callable[[int], tuple[str, Any]] | bytes, each: float = 0.0, first: bytes = b""
) -> None:
    """Make calls, so many seconds apart, by a seat that is taken again when it is lost; or send these bytes."""
    while True:
        try:
            writer = await _seated(site, 0)
            writer.write(first)
            for number in range(10**9):
                writer.write(call if isinstance(call, bytes) else _call(*call(number)))
                await writer.drain()
                await asyncio.sleep(each)
        except OSError:
            await asyncio.sleep(0.01)


async def _as_signalr_guest(site: Site, messages: bytes) -> None:
    """Send these messages of SignalR again and again, by a seat that is taken again when it is lost."""
    ticket = site.tickets[0]
    join = {"type": 1, "target": "JoinRoom", "invocationId": "1"}
    join["arguments"] = [{"roomId": site.room, "token": ticket["token"]}]
    begin = [b'{"protocol":"json","version":1}', json.dumps(join).encode()]
    while True:
        try:
            reader, writer = await _connected(site, _UPGRADE.replace(b"/ws", b"/hub"))
            writer.write(_frame(b"".join(message + b"\x1e" for message in begin)))
            await reader.readuntil(b'"invocationId":"1"')
            _reading.add(asyncio.ensure_future(_discard(reader)))
            await _pump(writer, _frame(messages))
        except (OSError, asyncio.IncompleteReadError):
            await asyncio.sleep(0.05)


async def _pump(writer: asyncio.StreamWriter, frame: bytes) -> None:
    try:
        while True:
            writer.write(frame)
            await writer.drain()
            await asyncio.sleep(0)
    except OSError:
        await asyncio.sleep(0.01)


async def _seated(site: Site, number: int, *, reads: bool = True) -> asyncio.StreamWriter:
    """A connection that has joined."""
    reader, writer = await _connected(site, _UPGRADE)
    if not reads:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(_join(site, number))
    try:
        await reader.readuntil(b'"replyTo":1')
    except asyncio.IncompleteReadError as e:
        raise ConnectionResetError from e
    if reads:
        _reading.add(asyncio.ensure_future(_discard(reader)))
    else:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
    return writer


_reading: set[asyncio.Future[None]] = set()


async def _discard(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(65_536):
            pass
    except OSError:
        pass


def _join(site: Site, number: int) -> bytes:
    return _call("JoinRoom", {"roomId": site.room, "token": site.tickets[number]["token"]}, 1)


def _call(event: str, payload: Any, number: int | None = None) -> bytes:
    return _frame(json.dumps({"event": event, "payload": payload, "id": number}).encode())


def _frame(payload: bytes, first: int = _TEXT) -> bytes:
    """A masked frame whose masking key is zero, a whole text unless said otherwise."""
    size = len(payload)
    if size < 126:
        head = bytes([first, 128 | size])
    elif size < 65_536:
        head = bytes([first, 128 | 126]) + size.to_bytes(2)
    else:
        head = bytes([first, 128 | 127]) + size.to_bytes(8)
    return head + bytes(4) + payload


def _post(path: str, body: bytes, credential: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {credential}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _main(attack: Attack, site: Site) -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    running: asyncio.Future[None] | None = None
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    while await lines.readline():
        if running is None:
            running = asyncio.ensure_future(attack(site))
            continue
        if running.done():
            running.result()  # it has failed
        for task in (running, *_reading):
            task.cancel()
        await asyncio.wait([running, *_reading])
        for writer in _open:
            writer.transport.abort()
        running = None
        _open.clear()
        _reading.clear()


if __name__ == "__main__":
    os.nice(19)  # attackers have machines of their own
    uvloop.run(_main(ATTACKS[sys.argv[1]], Site(**json.loads(sys.argv[2]))))
