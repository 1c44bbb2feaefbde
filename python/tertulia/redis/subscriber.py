"""The subscriptions at one Redis server, over one connection that has no other use."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import hiredis
import structlog

from tertulia.errors import TertuliaError
from tertulia.redis.address import Address, Target
from tertulia.redis.connection import Connection, open_connection, pack
from tertulia.redis.server import pause_seconds

PING_SECONDS: Final = 3.0
"""How often a server is pinged. One that says nothing between two pings is gone."""

_PING: Final = pack(b"PING")
_log = structlog.get_logger(__name__)


class Channel:
    """One subscription."""

    __slots__ = ("address", "confirmed", "live", "name", "on_gap", "on_message", "wire_name")

    def __init__(
        self,
        name: str,
        on_message: Callable[[bytes], None],
        on_gap: Callable[[], None],
        confirmed: asyncio.Future[None],
    ) -> None:
        self.name = name
        self.wire_name = name.encode()
        self.on_message = on_message
        self.on_gap = on_gap
        self.confirmed = confirmed
        """Done when Redis has confirmed the subscription for the first time."""
        self.live = False
        """Whether the subscription is in force."""
        self.address: Address | None = None
        """The server that was asked for it."""


class Subscriber:
    """Subscribes to channels, and again whenever the connection was lost."""

    def __init__(
        self,
        target: Target,
        address: Address,
        on_refused: Callable[[Channel, str], None],
        on_dropped: Callable[[Channel], None],
    ) -> None:
        """``on_refused`` gets the server's error for a channel (MOVED, …); ``on_dropped`` is called when the server
        ended a subscription by itself. In both cases the subscriber has given up the channel."""
        self.address = address
        self._target = target
        self._on_refused = on_refused
        self._on_dropped = on_dropped
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None
        self._channels: dict[bytes, Channel] = {}
        self._asked: deque[tuple[bool, bytes]] = deque()
        """What was sent and not confirmed: whether to subscribe or unsubscribe, and the channel."""
        self._heard = True
        self._clock: asyncio.TimerHandle | None = None
        self._closed = False
        self._connecting: asyncio.Task[None] | None = self._loop.create_task(self._connect())

    def add(self, channel: Channel) -> None:
        """Subscribe."""
        self._channels[channel.wire_name] = channel
        channel.address = self.address
        self._ask(True, channel.wire_name)

    def remove(self, channel: Channel) -> None:
        """Unsubscribe. Nothing is delivered from now on."""
        channel.live = False
        if self._channels.get(channel.wire_name) is channel:
            del self._channels[channel.wire_name]
            self._ask(False, channel.wire_name)

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def idle(self) -> bool:
        """Whether it has no channel."""
        return not self._channels

    def close(self) -> None:
        """Close the connection. No callback is called from now on."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._clock is not None:
            self._clock.cancel()
        if self._connection is not None:
            self._connection.abort()

    async def closed(self) -> None:
        """Wait, after :meth:`close`, until nothing runs any more."""
        if self._connecting is not None:
            await asyncio.wait([self._connecting])
        if self._connection is not None:
            await self._connection.ended.wait()

    def _ask(self, subscribe: bool, name: bytes) -> None:
        if self._connection is not None:
            self._asked.append((subscribe, name))
            self._connection.write(pack(b"SSUBSCRIBE" if subscribe else b"SUNSUBSCRIBE", name))

    async def _connect(self) -> None:
        attempt = 0
        try:
            while True:
                try:
                    self._connection, _ = await open_connection(
                        self._target, self.address, [], self._replied, self._lost
                    )
                    break
                except TertuliaError as e:
                    if attempt == 0:
                        _log.warning("Redis cannot be reached", server=str(self.address), error=e.message)
                await asyncio.sleep(pause_seconds(attempt))
                attempt += 1
        finally:
            self._connecting = None
        self._heard = True
        self._clock = self._loop.call_later(PING_SECONDS, self._check)
        for name in self._channels:
            self._ask(True, name)

    def _check(self) -> None:
        if self._connection is None:
            return
        if not self._heard:
            self._connection.abort()
            return
        self._heard = False
        self._connection.write(_PING)
        self._clock = self._loop.call_later(PING_SECONDS, self._check)

    def _lost(self) -> None:
        self._connection = None
        self._asked.clear()
        if self._clock is not None:
            self._clock.cancel()
        for channel in self._channels.values():
            channel.live = False
        if not self._closed:
            _log.warning("the subscriptions at Redis were lost", server=str(self.address), channels=len(self._channels))
            self._connecting = self._loop.create_task(self._connect())

    def _replied(self, reply: Any) -> None:
        self._heard = True
        if isinstance(reply, hiredis.ReplyError):
            self._refused(str(reply))
        elif isinstance(reply, list):
            if reply[0] == b"smessage":
                self._message(reply[1], reply[2])
            elif reply[0] == b"ssubscribe":
                self._confirmed(reply[1])
            elif reply[0] == b"sunsubscribe":
                self._ended(reply[1])

    def _message(self, name: bytes, payload: bytes) -> None:
        channel = self._channels.get(name)
        if channel is None or not channel.live:
            return
        try:
            channel.on_message(payload)
        except Exception:  # noqa: BLE001 - a bug in it must not end the other channels
            _log.exception("a channel's callback failed", channel=channel.name)

    def _confirmed(self, name: bytes) -> None:
        self._asked.popleft()
        channel = self._channels.get(name)
        if channel is None or channel.live or (True, name) in self._asked:
            return
        channel.live = True
        if not channel.confirmed.done():
            channel.confirmed.set_result(None)
        else:
            tell_gap(channel)

    def _ended(self, name: bytes) -> None:
        if self._asked and self._asked[0] == (False, name):
            self._asked.popleft()
            return
        channel = self._channels.pop(name, None)
        if channel is not None:
            channel.live = False
            self._on_dropped(channel)

    def _refused(self, text: str) -> None:
        if not self._asked:
            return
        subscribe, name = self._asked.popleft()
        channel = self._channels.get(name)
        if subscribe and channel is not None:
            del self._channels[name]
            channel.live = False
            self._on_refused(channel, text)


def tell_gap(channel: Channel) -> None:
    """Call the channel's ``on_gap``."""
    try:
        channel.on_gap()
    except Exception:  # noqa: BLE001 - as above
        _log.exception("a channel's callback failed", channel=channel.name)
