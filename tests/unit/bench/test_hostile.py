"""What counts as an attack: only what has reached the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from bench.hostile import clients, guests, strangers, wire
from bench.hostile.clients import LEAST, P99, Row
from bench.hostile.wire import Attack, Site, frame
from tests.waiting import PATIENCE, until

Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
ENOUGH = 5
"""Connections after which a server has seen what an attack does."""


async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It takes nothing."""


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It reads a request."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")


async def upgrades(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It opens WebSockets."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(UPGRADED)
    await writer.drain()


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It lets nobody join."""
    await upgrades(reader, writer)
    await reader.read(65_536)
    writer.write(frame(b'{"replyTo":1,"error":{"code":"bad_token"}}'))


async def seats(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It lets everybody join, and reads a little of what comes."""
    await upgrades(reader, writer)
    await reader.read(65_536)
    writer.write(frame(b'{"replyTo":1,"result":{}}'))
    await reader.read(65_536)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attackers have few connections at once, so that each is soon used again."""
    monkeypatch.setattr(wire, "BUSY", 2)
    monkeypatch.setattr(strangers, "BUSY", 2)
    monkeypatch.setattr(strangers, "LORIS", 2)


@asynccontextmanager
async def attacked(attack: Attack, serve: Server) -> AsyncIterator[tuple[Site, asyncio.Event]]:
    """What the attack has of such a server, and when the server has seen enough."""
    served: list[asyncio.Task[None]] = []
    enough = asyncio.Event()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.ensure_future(one(reader, writer)))
        if len(served) == ENOUGH:
            enough.set()

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        site = Site(port, "room", [{"userId": "guest", "token": "t"}], "victim", "v=0\r\n")
        attacking = asyncio.ensure_future(attack(site))
        try:
            yield site, enough
        finally:
            attacking.cancel()
            await asyncio.wait([attacking])
            await wire.forget()
            await asyncio.gather(*served)


@pytest.mark.parametrize(
    ("attack", "serve"),
    [
        (strangers.pages, closes),
        (strangers.garbage, closes),
        (strangers.websockets, answers),
        (strangers.silent_websockets, answers),
        (strangers.guessed_tokens, upgrades),
        (strangers.slow_loris, closes),
        (guests.calls, answers),
        (guests.calls, refuses),
        (guests.pings, refuses),
        (guests.malformed, refuses),
        (guests.reconnects, refuses),
    ],
)
async def test_what_is_refused_at_once_is_no_attack(attack: Attack, serve: Server) -> None:
    async with attacked(attack, serve) as (site, enough):
        await asyncio.wait_for(enough.wait(), PATIENCE)
        assert site.hits == 0


@pytest.mark.parametrize(
    ("attack", "serve"),
    [
        (strangers.connections, closes),
        (strangers.pages, answers),
        (strangers.websockets, upgrades),
        (strangers.silent_websockets, upgrades),
        (strangers.guessed_tokens, refuses),
        (guests.calls, seats),
        (guests.pings, seats),
        (guests.malformed, seats),
        (guests.reconnects, seats),
    ],
)
async def test_what_reaches_the_server_is_an_attack(attack: Attack, serve: Server) -> None:
    async with attacked(attack, serve) as (site, _):
        await until(lambda: site.hits >= LEAST)


def row(name: str, hits: int, added: float = 0.0) -> Row:
    return Row(name, hits, P99(1.0, 1.0), P99(1.0 + added, 1.0))


def test_an_attack_that_never_reached_the_server_is_named_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert clients.is_met([row("chat", LEAST), row("views", 7)])
    assert not capsys.readouterr().out
    assert not clients.is_met([row("chat", LEAST), row("views", LEAST - 1)])
    assert capsys.readouterr().out.startswith("views: no attack")
    assert not clients.is_met([row("chat", LEAST, added=clients.BARS[0] + 1)])
