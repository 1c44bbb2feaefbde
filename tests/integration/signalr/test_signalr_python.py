"""Python clients that nobody here wrote: a smoke test of each."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pysignalr.client import SignalRClient
from pysignalr.messages import CompletionMessage
from signalrcore.hub_connection_builder import HubConnectionBuilder

from tests.integration.signalr.conftest import served
from tests.integration.signalr.echo_hub import build

PATIENCE = 20.0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(build()[0]) as port:
        yield port


async def test_pysignalr(port: int) -> None:
    client = SignalRClient(f"http://127.0.0.1:{port}/hub")
    opened, told = asyncio.Event(), asyncio.Event()
    results: list[Any] = []
    texts: list[Any] = []

    async def on_open() -> None:
        opened.set()

    async def on_told(arguments: list[Any]) -> None:
        texts.extend(arguments)
        told.set()

    async def on_result(message: CompletionMessage) -> None:
        results.append(message.result)

    client.on_open(on_open)
    client.on("Told", on_told)
    running = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(PATIENCE):
            await opened.wait()
            await client.send("Add", [40, 2], on_result)  # type: ignore[list-item, arg-type]
            await client.send("Tell_All", ["hello"])  # type: ignore[list-item]
            await told.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert results == [42]
    assert texts == ["hello"]


async def test_signalrcore(port: int) -> None:
    """It negotiates version 0, says version 0 in the handshake, and dies of WebSocket pings."""
    opened, told, closed = threading.Event(), threading.Event(), threading.Event()
    texts: list[Any] = []

    def hear(arguments: list[Any]) -> None:
        texts.extend(arguments)
        told.set()

    def converse() -> None:
        connection = HubConnectionBuilder().with_url(f"http://127.0.0.1:{port}/hub").build()
        connection.on_open(opened.set)
        connection.on_close(closed.set)
        connection.on("Told", hear)
        connection.start()
        assert opened.wait(PATIENCE)
        connection.send("Tell_All", ["hello"])
        assert told.wait(PATIENCE)
        connection.stop()
        assert closed.wait(PATIENCE)

    await asyncio.to_thread(converse)
    assert texts == ["hello"]
