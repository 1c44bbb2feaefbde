"""A connected client, as hub methods see it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import UNSET

from tertulia.signalr.errors import ClientError, ConnectionLost
from tertulia.signalr.messages import Completion, Invocation
from tertulia.signalr.serve.connection import HubConnection


class Caller:
    """A client. ``id`` is the public connectionId, ``user`` what authentication made of the first request."""

    def __init__(self, connection: HubConnection) -> None:
        self.connection = connection
        self.id = connection.id
        self.user = connection.user
        self._invocations = 0
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    def send(self, target: str, *arguments: Any) -> None:
        """Invoke ``target`` on the client without waiting for a result."""
        self.connection.send(Invocation(target, list(arguments)))

    async def invoke(self, target: str, *arguments: Any, returns: Any = Any, within: float = 30) -> Any:
        """Invoke ``target`` on the client and wait up to ``within`` seconds for its result, converted to ``returns``.

        Raises ClientError if its handler failed or there is none, ConnectionLost, TimeoutError, msgspec's
        ValidationError.
        """
        self._invocations += 1
        invocation_id = f"s{self._invocations}"
        self._waiting[invocation_id] = answer = asyncio.get_running_loop().create_future()
        try:
            self.connection.send(Invocation(target, list(arguments), invocation_id))
            async with asyncio.timeout(within):
                return msgspec.convert(await answer, returns)
        finally:
            del self._waiting[invocation_id]

    def close(self, error: str | None = None) -> None:
        """End the connection; with ``error`` the client is told that."""
        self.connection.close(error)

    # --- from the calls

    def completed(self, completion: Completion) -> None:
        """The client answered; an answer that nobody waits for is ignored."""
        answer = self._waiting.get(completion.invocation_id)
        if answer is None or answer.done():
            return
        if completion.error is not None:
            answer.set_exception(ClientError(completion.error))
        else:
            answer.set_result(None if completion.result is UNSET else completion.result)

    def lost(self) -> None:
        """The connection is gone; nothing will be answered."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionLost("The connection was closed."))
