"""The hub's entry points: what transports call."""

from __future__ import annotations

from tertulia.hub.client import CallId, Client


class Hub:
    """One per web worker. Synchronous callbacks on one event loop; only :meth:`start` and :meth:`stop` are awaited."""

    def connected(self, client: Client) -> None:
        """A client is there. It has ``join_within`` seconds to join a room."""
        raise NotImplementedError

    def call(self, client: Client, call: CallId, event: str, payload: object) -> None:
        """A client calls ``event``: answered by ``client.reply`` or ``client.refuse``, at once or later.

        ``payload`` is what a JSON parser returned (None: none), or the contract's struct already. Calls of one client take
        effect in the order of these calls.
        """
        raise NotImplementedError

    def malformed(self, client: Client, call: CallId, error: Exception) -> None:
        """A client sent what is no call: refused as ``malformed``, and counted by the rate limit."""
        raise NotImplementedError

    def disconnected(self, client: Client, clean: bool) -> None:
        """A client is gone. ``clean``: it said so (close code 1000, 1001 or none), and leaves at once; else it keeps its seat."""
        raise NotImplementedError

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        """Tell every client 1012 and wait (bounded) until they are gone; their seats stay, so that they can resume elsewhere."""
        raise NotImplementedError
