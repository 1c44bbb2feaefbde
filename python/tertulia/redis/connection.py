"""One connection to one Redis server: commands out, replies in, in order. RESP2, parsed by hiredis."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import hiredis
from msgspec import Struct

from tertulia.errors import ConfigError, Unavailable
from tertulia.redis.address import Address, Target

CONNECT_SECONDS: Final = 3.0
"""To connect and log in. A server in the same data centre takes milliseconds."""
LEAST_VERSION: Final = 7
"""Redis 7 brought sharded channels, and scripts for which time stands still."""

_NOTHING: Final = object()


Value: TypeAlias = str | bytes | int
"""What a command is made of; a number is sent in decimal."""


def pack(*args: Value) -> bytes:
    """A command in RESP."""
    return hiredis.pack_command(args)  # type: ignore[no-any-return,arg-type]


class Connection(asyncio.Protocol):
    """An open connection. What is written in one turn of the event loop is sent together.

    ``on_reply`` gets each reply, errors as :class:`hiredis.ReplyError`. ``on_lost`` is called once, when the connection
    has ended.
    """

    def __init__(self, on_reply: Callable[[Any], None], on_lost: Callable[[], None]) -> None:
        self.on_reply = on_reply
        self.on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self.ended = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._transport = None
        self.ended.set()
        self.on_lost()

    def data_received(self, data: bytes) -> None:
        """Replies have come."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _NOTHING:
                self.on_reply(reply)
        except hiredis.ProtocolError:
            self.abort()

    def write(self, data: bytes) -> None:
        """Send ``data`` at the end of this turn of the event loop. It is dropped if the connection has ended."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))

    def abort(self) -> None:
        """End the connection now; ``on_lost`` follows."""
        if self._transport is not None:
            self._transport.abort()


class Hello(Struct, frozen=True):
    """What a server says about itself."""

    cluster: bool
    role: str


async def open_connection(
    target: Target,
    address: Address,
    setup: list[bytes],
    on_reply: Callable[[Any], None],
    on_lost: Callable[[], None],
) -> tuple[Connection, Hello]:
    """Connect, log in, send ``setup``, select the database, and check the replies.

    Later replies go to ``on_reply``. ``on_lost`` is not called before the return.

    Raises:
        Unavailable: the server does not answer within :data:`CONNECT_SECONDS`, or refuses.
        ConfigError: it is too old, or refuses the login.
    """
    replies: asyncio.Queue[Any] = asyncio.Queue()
    connection: Connection | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await _connect(
                target, address, lambda: Connection(replies.put_nowait, lambda: replies.put_nowait(_NOTHING))
            )
            hello = await _greet(connection, target, address, setup, replies)
    except (OSError, TimeoutError) as e:
        await _drop(connection)
        raise Unavailable(f"Redis at {address} does not answer: {str(e) or 'no reply in time'}") from e
    except BaseException:
        await _drop(connection)
        raise
    if connection.ended.is_set():
        raise Unavailable(f"Redis at {address} closed the connection")
    connection.on_reply, connection.on_lost = on_reply, on_lost
    return connection, hello


async def _drop(connection: Connection | None) -> None:
    if connection is not None:
        connection.abort()
        await connection.ended.wait()


async def _greet(
    connection: Connection, target: Target, address: Address, setup: list[bytes], replies: asyncio.Queue[Any]
) -> Hello:
    async def reply() -> Any:
        value = await replies.get()
        if value is _NOTHING:
            raise Unavailable(f"Redis at {address} closed the connection")
        _raise_error(address, value)
        return value

    login: list[str | bytes] = [b"HELLO", b"2"]
    if target.password is not None:
        login += [b"AUTH", target.username or "default", target.password]
    for command in (pack(*login), *setup):
        connection.write(command)
    hello = _hello(address, await reply())
    for _ in setup:
        await reply()
    if target.database and not hello.cluster:
        connection.write(pack(b"SELECT", str(target.database)))
        await reply()
    return hello


async def _connect(target: Target, address: Address, make: Callable[[], Connection]) -> Connection:
    loop = asyncio.get_running_loop()
    if not address.port:
        _, connection = await loop.create_unix_connection(make, address.host)
        return connection
    context = ssl.create_default_context() if target.tls else None
    _, connection = await loop.create_connection(make, address.host, address.port, ssl=context)
    return connection


def _hello(address: Address, flat: list[Any]) -> Hello:
    facts = {flat[i]: flat[i + 1] for i in range(0, len(flat), 2)}
    version = facts[b"version"].decode()
    if int(version.split(".")[0]) < LEAST_VERSION:
        raise ConfigError(
            f"Redis at {address} is version {version}: Redis or Valkey {LEAST_VERSION} or later is needed"
        )
    return Hello(cluster=facts[b"mode"] == b"cluster", role=facts[b"role"].decode())


def _raise_error(address: Address, reply: Any) -> None:
    if not isinstance(reply, hiredis.ReplyError):
        return
    text = str(reply)
    if text.startswith(("WRONGPASS", "NOAUTH", "NOPERM", "DENIED", "ERR")):
        raise ConfigError(f"Redis at {address} refuses the login: {text}")
    raise Unavailable(f"Redis at {address} refuses: {text}")
