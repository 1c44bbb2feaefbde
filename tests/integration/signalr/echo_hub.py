"""A hub that does a bit of everything, for unmodified clients to try. Of the tests, never of the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from tertulia.signalr.errors import HubException
from tertulia.signalr.options import Options
from tertulia.signalr.serve import Caller, Hub, SignalR
from tertulia.signalr.serve.asgi import Unauthorized

SECRET = "a-token-that-opens"


def build(**options: Any) -> tuple[SignalR, Hub]:
    hub = Hub()
    cancelled = asyncio.Event()

    @hub.method
    async def echo(caller: Caller, value: Any) -> Any:
        return value

    @hub.method
    async def add(caller: Caller, a: int, b: int) -> int:
        return a + b

    @hub.method
    async def nothing(caller: Caller) -> None:
        pass

    @hub.method
    async def slow(caller: Caller, seconds: float, value: Any) -> Any:
        await asyncio.sleep(seconds)
        return value

    @hub.method
    async def refuse(caller: Caller, message: str) -> None:
        raise HubException(message)

    @hub.method
    async def crash(caller: Caller) -> None:
        raise RuntimeError("a secret of the server")

    @hub.method
    async def unencodable(caller: Caller) -> object:
        return object()

    @hub.method
    async def events(caller: Caller, count: int) -> None:
        for number in range(count):
            caller.send("Numbered", number)

    @hub.method
    async def large(caller: Caller, size: int) -> str:
        caller.send("Large", "x" * size)
        return "y" * size

    @hub.method
    async def count(caller: Caller, to: int, delay: float) -> AsyncIterator[int]:
        try:
            for number in range(to):
                yield number
                await asyncio.sleep(delay)
        except (asyncio.CancelledError, GeneratorExit):  # within the sleep, or while the connection is congested
            cancelled.set()
            raise

    @hub.method
    async def cancelled_streams(caller: Caller) -> bool:
        await asyncio.wait_for(cancelled.wait(), 5)
        return True

    @hub.method
    async def count_and_break(caller: Caller, to: int, message: str) -> AsyncIterator[int]:
        for number in range(to):
            yield number
        raise HubException(message) if message else RuntimeError("a secret of the server")

    @hub.method
    async def total(caller: Caller, start: int, numbers: AsyncIterator[int]) -> int:
        return start + sum([number async for number in numbers])

    @hub.method
    async def doubled(caller: Caller, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number

    @hub.method
    async def ask(caller: Caller, question: str) -> Any:
        return await caller.invoke("Question", question)

    @hub.method
    async def tell_all(caller: Caller, text: str) -> int:
        hub.send(hub.callers.values(), "Told", text)
        return len(hub.callers)

    @hub.method
    async def who(caller: Caller) -> Any:
        return {"id": caller.id, "user": caller.user}

    @hub.method
    async def hang_up(caller: Caller, error: str, again: bool) -> None:
        caller.connection.close(error, allow_reconnect=again)

    @hub.method
    async def cut(caller: Caller) -> None:
        """End the transport without a word."""
        caller.connection.transport.close(1011, "cut")  # type: ignore[union-attr]

    async def authenticate(credential: str | None, _client: str) -> str | None:
        if credential not in (None, SECRET):
            raise Unauthorized
        return credential

    app = SignalR(hub, path="/hub", options=Options(max_message=256 * 1024, **options), authenticate=authenticate)
    return app, hub
