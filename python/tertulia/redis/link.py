"""One connection to one Redis server, RESP2 by hiredis: commands out, replies in, in order."""

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
"""For connecting and logging in. A server in the same data centre takes milliseconds."""
LEAST_VERSION: Final = 7
"""Redis 7 brought sharded channels and scripts that see one time."""

_NOTHING: Final = object()


Value: TypeAlias = str | bytes | int
"""What a command is made of; a number is sent in decimal."""


def pack(*args: Value) -> bytes:
    """A command in RESP."""
    return hiredis.pack_command(args)  # type: ignore[no-any-return,arg-type]


class Link(asyncio.Protocol):
    """Writes are gathered and go out once per turn of the event loop.

    ``on_reply`` gets every reply, an error as a :class:`hiredis.ReplyError` value. ``on_lost`` is called once, from
    the loop, when the connection has ended.
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
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.ended.set()
        self.on_lost()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not _NOTHING:
                self.on_reply(reply)
        except hiredis.ProtocolError:
            self.abort()

    def write(self, data: bytes) -> None:
        """Send at the end of this turn of the loop; lost without a word if the connection is."""
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None:
            self._transport.write(b"".join(out))

    def abort(self) -> None:
        """End it now; ``on_lost`` follows."""
        if self._transport is not None:
            self._transport.abort()


class Hello(Struct, frozen=True):
    """What a server says of itself."""

    cluster: bool
    role: str


async def open_link(
    target: Target,
    address: Address,
    setup: list[bytes],
    on_reply: Callable[[Any], None],
    on_lost: Callable[[], None],
) -> tuple[Link, Hello]:
    """Connect, log in, send ``setup`` and select the database, and check the replies.

    From then on replies go to ``on_reply``. ``on_lost`` may come at any time after the return, not before.

    Raises:
        Unavailable: it does not answer in :data:`CONNECT_SECONDS`, or refuses.
        ConfigError: it is too old, or wrong about the login.
    """
    replies: asyncio.Queue[Any] = asyncio.Queue()
    link: Link | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            link = await _connect(
                target, address, lambda: Link(replies.put_nowait, lambda: replies.put_nowait(_NOTHING))
            )
            hello = await _greet(link, target, address, setup, replies)
    except (OSError, TimeoutError) as e:
        await _drop(link)
        raise Unavailable(f"Redis at {address} does not answer: {str(e) or 'no reply in time'}") from e
    except BaseException:
        await _drop(link)
        raise
    if link.ended.is_set():
        raise Unavailable(f"Redis at {address} closed the connection")
    link.on_reply, link.on_lost = on_reply, on_lost
    return link, hello


async def _drop(link: Link | None) -> None:
    if link is not None:
        link.abort()
        await link.ended.wait()


async def _greet(
    link: Link, target: Target, address: Address, setup: list[bytes], replies: asyncio.Queue[Any]
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
        link.write(command)
    hello = _hello(address, await reply())
    for _ in setup:
        await reply()
    if target.database and not hello.cluster:
        link.write(pack(b"SELECT", str(target.database)))
        await reply()
    return hello


async def _connect(target: Target, address: Address, make: Callable[[], Link]) -> Link:
    loop = asyncio.get_running_loop()
    if not address.port:
        _, link = await loop.create_unix_connection(make, address.host)
        return link
    context = ssl.create_default_context() if target.tls else None
    _, link = await loop.create_connection(make, address.host, address.port, ssl=context)
    return link


def _hello(address: Address, flat: list[Any]) -> Hello:
    facts = {flat[i]: flat[i + 1] for i in range(0, len(flat), 2)}
    version = facts[b"version"].decode()
    if int(version.split(".")[0]) < LEAST_VERSION:
        raise ConfigError(
            f"redis_url: {address} is version {version}; Redis or Valkey {LEAST_VERSION} or later is needed"
        )
    return Hello(cluster=facts[b"mode"] == b"cluster", role=facts[b"role"].decode())


def _raise_error(address: Address, reply: Any) -> None:
    if not isinstance(reply, hiredis.ReplyError):
        return
    text = str(reply)
    if text.startswith(("WRONGPASS", "NOAUTH", "NOPERM", "DENIED", "ERR")):
        raise ConfigError(f"redis_url: {address} refuses to serve us: {text}")
    raise Unavailable(f"Redis at {address} refuses: {text}")
