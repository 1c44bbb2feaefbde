"""Sharded channels: each is served by the server that owns its slot, and follows the slot when it moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from tertulia.errors import Unavailable
from tertulia.redis.address import Address
from tertulia.redis.client import Redis
from tertulia.redis.subscriber import Channel, Subscriber, tell_gap

AGAIN_SECONDS: Final = 0.2
"""Before a subscription that the cluster could not take is tried again."""

_log = structlog.get_logger(__name__)


class Channels:
    """Subscriptions and messages. Callbacks run in the event loop and must not block."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._loop = asyncio.get_running_loop()
        self._channels: dict[str, Channel] = {}
        self._subscribers: dict[Address, Subscriber] = {}
        self._leaving: set[Subscriber] = set()
        self._closed = False
        redis.listen(self._moved, self._came_back)

    async def subscribe(self, name: str, on_message: Callable[[bytes], None], on_gap: Callable[[], None]) -> None:
        """Receive what is published on ``name``. Returns when Redis has confirmed it: nothing later is missed.

        ``on_gap`` is called when messages, or replies to calls, may have been lost: the connection broke, or the
        channel moved to another server. The subscription is in force again by then, so the caller can read what the
        messages would have said.

        Raises:
            Unavailable: Redis did not confirm it in time; there is no subscription.
        """
        if name in self._channels:
            raise ValueError(f"{name} is already subscribed")
        channel = Channel(name, on_message, on_gap, self._loop.create_future())
        self._channels[name] = channel
        self._place(channel)
        try:
            async with asyncio.timeout(self._redis.call_seconds):
                await channel.confirmed
        except TimeoutError as e:
            self._withdraw(channel)
            raise Unavailable(f"Redis did not confirm the subscription to {name} in time") from e
        except BaseException:
            self._withdraw(channel)
            raise

    def unsubscribe(self, name: str) -> None:
        """Unsubscribe: no callback is called from now on. No effect if there is no subscription."""
        channel = self._channels.get(name)
        if channel is not None:
            self._withdraw(channel)

    def is_live(self, name: str) -> bool:
        """Whether the subscription to ``name`` is in force: if not, ``on_gap`` will be called when it is again."""
        channel = self._channels.get(name)
        return channel is not None and channel.live

    def publish(self, name: str, payload: bytes, unheard: Callable[[], None] | None = None) -> None:
        """Send ``payload`` to all subscribers, after every call made before on keys of the same slot.

        All that is published in one turn of the event loop is one write. A message is lost if Redis is away for longer
        than the deadline of a call. ``unheard`` is called if Redis has it, and there was no subscriber.

        Raises:
            Unavailable: the queue is full.
        """

        def counted(subscribers: int) -> None:
            if not subscribers and unheard is not None:
                unheard()

        self._redis.post(name, b"SPUBLISH", name, payload, on_reply=None if unheard is None else counted)

    async def close(self) -> None:
        """End all subscriptions."""
        self._closed = True
        for channel in self._channels.values():
            if not channel.confirmed.done():
                channel.confirmed.set_exception(Unavailable("the connection to Redis is closed"))
        self._channels.clear()
        subscribers = [*self._subscribers.values(), *self._leaving]
        self._subscribers.clear()
        for subscriber in subscribers:
            subscriber.close()
        for subscriber in subscribers:
            await subscriber.closed()

    def _withdraw(self, channel: Channel) -> None:
        if self._channels.get(channel.name) is channel:
            del self._channels[channel.name]
        self._take_off(channel)

    def _take_off(self, channel: Channel) -> None:
        channel.live = False
        subscriber = self._subscribers.get(channel.address) if channel.address is not None else None
        channel.address = None
        if subscriber is not None:
            subscriber.remove(channel)

    def _place(self, channel: Channel) -> None:
        """Ask the owner of the channel's slot for it."""
        if self._closed or self._channels.get(channel.name) is not channel:
            return
        address = self._redis.address_of(channel.name)
        if address is None:
            self._later(channel)
            return
        subscriber = self._subscribers.get(address)
        if subscriber is None:
            subscriber = Subscriber(self._redis.target, address, self._refused, self._dropped)
            self._subscribers[address] = subscriber
        subscriber.add(channel)

    def _later(self, channel: Channel) -> None:
        channel.address = None
        self._loop.call_later(AGAIN_SECONDS, self._replace, channel)

    def _replace(self, channel: Channel) -> None:
        if channel.address is None:
            self._place(channel)

    def _refused(self, channel: Channel, text: str) -> None:
        asked, channel.address = channel.address, None
        if text.startswith("MOVED ") and asked is not None:
            self._redis.note_moved(text, asked)
        else:
            _log.warning("Redis refused a subscription", channel=channel.name, error=text)
        self._later(channel)

    def _dropped(self, channel: Channel) -> None:
        """The server ended the subscription: the slot moves to another one."""
        self._later(channel)

    def _moved(self) -> None:
        """Slots have new owners: move the channels that are at the wrong server."""
        for channel in list(self._channels.values()):
            owner = self._redis.address_of(channel.name)
            if owner is not None and channel.address is not None and channel.address != owner:
                self._take_off(channel)
                self._place(channel)
        for address, subscriber in list(self._subscribers.items()):
            if subscriber.idle:
                subscriber.close()
                del self._subscribers[address]
                self._leaving = {s for s in self._leaving if s.up} | {subscriber}

    def _came_back(self, address: Address) -> None:
        """Calls to that server failed, and their effect is unknown: to the caller, that is a gap."""
        for channel in list(self._channels.values()):
            if channel.live and channel.address == address:
                tell_gap(channel)
