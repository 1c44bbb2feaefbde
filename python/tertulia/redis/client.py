"""Calls to Redis or Valkey, one server or a cluster: in order for each key, and one write per turn of the event loop.

Not one of the general clients, because a command has to cost a few microseconds, and because sharded channels
(:mod:`tertulia.redis.channels`) need the same knowledge of slots.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import hiredis

from tertulia.errors import ConfigError, TertuliaError, Unavailable
from tertulia.outage import Outage
from tertulia.redis.address import Address, Target, parse_url
from tertulia.redis.connection import Hello, Value, pack
from tertulia.redis.script import Script
from tertulia.redis.server import Call, Server
from tertulia.redis.slots import SLOTS, read_redirect, read_slots, slot_of

CALL_SECONDS: Final = 3.0
"""The deadline of a call. Redis replies within milliseconds, but a cluster's failover takes some seconds."""
MAX_REDIRECTS: Final = 8
"""Of one call, in a row. A slot that moves costs one or two."""
RETRY_SECONDS: Final = 0.1
"""Before a call that the server cannot take yet (loading, failover) is sent again."""
REFRESH_SECONDS: Final = 1.0
"""The least time between two requests for the owners of the slots."""
LAST_SECONDS: Final = 1.0
"""What was posted before the end has so long to arrive: a connection to a server of a cluster may have to be made."""

# TRYAGAIN: a slot is moving, and the keys of the call are not all on one side.
_NOT_YET: Final = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN")


class Redis:
    """A client, made by :meth:`connect`. To be used from one event loop."""

    def __init__(self, target: Target, scripts: Sequence[Script] = (), call_seconds: float = CALL_SECONDS) -> None:
        self.target = target
        self.call_seconds = call_seconds
        self._setup = [pack(b"SCRIPT", b"LOAD", script.text) for script in scripts]
        self._loop = asyncio.get_running_loop()
        self._servers: dict[Address, Server] = {}
        self._owners: list[Address | None] | None = None
        """The owner of each slot; None: not a cluster."""
        self._seed = target.seeds[0]
        self._leaving: set[Server] = set()
        """Closed, or closing after their last reply."""
        self._refreshing: asyncio.Task[None] | None = None
        self._unread = Outage(
            "the slots of the Redis Cluster cannot be read", "the slots of the Redis Cluster are read again"
        )
        self._lost = Outage("messages to Redis are lost", "messages to Redis arrive again")
        self._refresh_again = False
        self._closed = False
        self._posts = 0
        """Posts without a reply."""
        self._posts_done = asyncio.Event()
        self._on_moved: list[Callable[[], None]] = []
        self._on_back: list[Callable[[Address], None]] = []

    @classmethod
    async def connect(cls, url: str, scripts: Sequence[Script] = (), *, call_seconds: float = CALL_SECONDS) -> Redis:
        """Connect to the server, or to all masters of the cluster, that ``url`` names.

        Each connection begins by loading ``scripts``, so that even the first calls of them keep their order.

        Raises:
            ConfigError: the URL is wrong, the login is refused, or the server is too old or a replica.
            Unavailable: no server answers.
        """
        redis = cls(parse_url(url), scripts, call_seconds)
        try:
            await redis._open()
        except BaseException:
            await redis.close()
            raise
        return redis

    async def _open(self) -> None:
        problem: TertuliaError = Unavailable("no Redis server is configured")
        for seed in self.target.seeds:
            try:
                hello = await self._server(seed).open()
            except Unavailable as e:
                problem = e
                continue
            self._seed = seed
            await self._explore(hello)
            return
        raise problem

    async def _explore(self, hello: Hello) -> None:
        if hello.cluster:
            if self.target.database:
                raise ConfigError("the Redis URL names a database, but a Redis Cluster has only database 0")
            self._owners = [None] * SLOTS
            await self._refresh_from(self._server(self._seed))
            return
        if hello.role != "master":
            raise ConfigError(f"Redis at {self._seed} is a {hello.role}: name its primary in the Redis URL")

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, key: str, *command: str | bytes) -> asyncio.Future[Any]:
        """Send ``command``, which touches ``key`` and no key of another slot. The future gives the reply.

        Commands on keys of one slot are sent in the order of the calls.

        Raises (the future):
            Unavailable: no reply in time, or an error. Whether the command took effect is unknown.
        """
        return self._begin(key, pack(*command), None)

    def run(self, script: Script, keys: Sequence[str], args: Sequence[Value]) -> asyncio.Future[Any]:
        """Run a script, as :meth:`call` does a command."""
        count = str(len(keys))
        command = pack(b"EVALSHA", script.sha, count, *keys, *args)
        return self._begin(keys[0], command, lambda: pack(b"EVAL", script.text, count, *keys, *args))

    def post(self, key: str, *command: str | bytes, on_reply: Callable[[Any], None] | None = None) -> None:
        """Send ``command`` and wait for nothing; that some are lost is logged. ``on_reply`` gets the reply, if it is no
        error.

        Raises:
            Unavailable: the client is closed; or the queue is full, which is logged, too.
        """
        if self._closed:
            raise _closed()
        packed = pack(*command)
        address = self.address_of(key)
        if address is not None and not self._server(address).has_room(len(packed)):
            refusal = Unavailable("too many messages wait for Redis")
            self._lost.failed(refusal)
            raise refusal
        self._posts += 1
        self._posts_done.clear()
        self._send(Call(key, packed, self._loop.time() + self.call_seconds, partial(self._posted, on_reply), None))

    def _posted(self, on_reply: Callable[[Any], None] | None, reply: Any) -> None:
        self._posts -= 1
        if not self._posts:
            self._posts_done.set()
        if isinstance(reply, Exception):
            self._lost.failed(reply)
        else:
            self._lost.worked()
            if on_reply is not None:
                on_reply(reply)

    async def ping(self) -> None:
        """Check that every server answers.

        Raises:
            Unavailable: one does not.
        """
        await asyncio.gather(*(self._direct(server, b"PING") for server in self._masters()))

    def _begin(self, key: str, command: bytes, fallback: Callable[[], bytes] | None) -> asyncio.Future[Any]:
        future, done = self._future()
        self._send(Call(key, command, self._loop.time() + self.call_seconds, done, fallback))
        return future

    def _direct(self, server: Server, *command: str | bytes) -> asyncio.Future[Any]:
        """A call to this server, whichever slots it owns."""
        future, done = self._future()
        server.send(Call("", pack(*command), self._loop.time() + self.call_seconds, done, None))
        return future

    def _future(self) -> tuple[asyncio.Future[Any], Callable[[Any], None]]:
        future: asyncio.Future[Any] = self._loop.create_future()

        def done(reply: Any) -> None:
            if future.done():  # the caller was cancelled
                return
            if isinstance(reply, Exception):
                future.set_exception(reply)
            else:
                future.set_result(reply)

        return future, done

    def _send(self, call: Call) -> None:
        if self._closed:
            call.done(_closed())
            return
        address = self.address_of(call.key)
        if address is None:
            self._later(call, "no server owns this slot of the cluster")
        else:
            self._server(address).send(call)

    def _replied(self, server: Server, call: Call, reply: Any) -> None:
        if not isinstance(reply, hiredis.ReplyError):
            call.done(reply)
            return
        text = str(reply)
        if self._closed or not self._sent_again(server, call, text):
            call.done(Unavailable(f"Redis at {server.address} refused a command: {text}"))

    def _sent_again(self, server: Server, call: Call, text: str) -> bool:
        """Send the call again where the error says how or where to; False: it does not."""
        if text.startswith(_NOT_YET):
            self._refresh()
            self._later(call, text)
            return True
        call.redirects += 1
        if call.redirects > MAX_REDIRECTS:
            return False
        if text.startswith("MOVED "):
            self.note_moved(text, server.address)
            self._send(call)
        elif text.startswith("ASK "):
            self._server(read_redirect(text, server.address)[1]).send_asking(call)
        elif text.startswith("NOSCRIPT") and call.fallback is not None:
            call.command = call.fallback()
            server.send(call)
        else:
            if text.startswith("READONLY"):
                server.reset()
            return False
        return True

    def _later(self, call: Call, why: str) -> None:
        """Send it again in a moment, if the deadline allows."""
        if self._loop.time() + RETRY_SECONDS >= call.deadline:
            call.done(Unavailable(f"Redis cannot take the call now: {why}"))
        else:
            call.redirects = 0
            self._loop.call_later(RETRY_SECONDS, self._send, call)

    # -- topology -----------------------------------------------------------------------------------------------------

    def address_of(self, key: str) -> Address | None:
        """The server that owns ``key``, as far as known; None: no server."""
        if self._owners is None:
            return self._seed
        return self._owners[slot_of(key)]

    def listen(self, on_moved: Callable[[], None], on_back: Callable[[Address], None]) -> None:
        """Call ``on_moved`` when slots have new owners, and ``on_back`` when there is a connection to a server again
        (calls that were under way may or may not have taken effect)."""
        self._on_moved.append(on_moved)
        self._on_back.append(on_back)

    def note_moved(self, text: str, asked: Address) -> None:
        """Take note that the server ``asked`` replied ``text``, a MOVED error."""
        if self._owners is None:
            return
        slot, address = read_redirect(text, asked)
        if self._owners[slot] != address:
            self._owners[slot] = address
            for callback in self._on_moved:
                callback()
        self._refresh()

    def _server(self, address: Address) -> Server:
        server = self._servers.get(address)
        if server is None:
            server = Server(self.target, address, self._setup, self._replied, self._came_back, self._had_trouble)
            self._servers[address] = server
        return server

    def _masters(self) -> list[Server]:
        if self._owners is None:
            return [self._server(self._seed)]
        return [self._server(address) for address in dict.fromkeys(self._owners) if address is not None]

    def _came_back(self, server: Server) -> None:
        self._refresh()
        for callback in self._on_back:
            callback(server.address)

    def _had_trouble(self, server: Server) -> None:
        self._refresh()

    def _refresh(self) -> None:
        """Ask the cluster for the owners of its slots, soon."""
        if self._owners is None or self._closed:
            return
        self._refresh_again = True
        if self._refreshing is None:
            self._refreshing = self._loop.create_task(self._refresh_loop())

    async def _refresh_loop(self) -> None:
        try:
            while self._refresh_again:
                self._refresh_again = False
                try:
                    await self._refresh_from_any()
                except Unavailable as e:
                    self._unread.failed(e)
                else:
                    self._unread.worked()
                await asyncio.sleep(REFRESH_SECONDS)
        finally:
            self._refreshing = None

    async def _refresh_from_any(self) -> None:
        """Ask one server after the other, until one answers. Raises Unavailable: none does."""
        known = [self._server(address) for address in (*self._servers, *self.target.seeds)]
        problem = Unavailable("no server of the Redis Cluster is known")
        for server in sorted(known, key=lambda s: not s.up):
            try:
                await self._refresh_from(server)
            except Unavailable as e:
                problem = e
            else:
                return
        raise problem

    async def _refresh_from(self, server: Server) -> None:
        owners = read_slots(await self._direct(server, b"CLUSTER", b"SLOTS"), server.address)
        if owners == self._owners or self._closed:
            return
        self._owners = owners
        for master in self._masters():
            master.connect()
        self._forget_others(set(owners) - {None})
        for callback in self._on_moved:
            callback()

    def _forget_others(self, masters: set[Address | None]) -> None:
        for address in [a for a in self._servers if a not in masters]:
            server = self._servers.pop(address)
            self._leaving = {s for s in self._leaving if s.up} | {server}
            for call in server.retire():
                self._send(call)

    async def close(self) -> None:
        """Close all connections, when what was posted has arrived, or after :data:`LAST_SECONDS`. Calls that are queued
        fail with Unavailable."""
        try:
            if self._posts:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._posts_done.wait(), LAST_SECONDS)
        finally:
            self._closed = True
            if self._refreshing is not None:
                self._refreshing.cancel()
            servers = [*self._servers.values(), *self._leaving]
            self._servers.clear()
            for server in servers:
                server.close()
            for server in servers:
                await server.closed()


def _closed() -> Unavailable:
    return Unavailable("the connection to Redis is closed")
