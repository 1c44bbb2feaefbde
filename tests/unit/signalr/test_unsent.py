"""What an end says of what did not go out."""

from __future__ import annotations

import asyncio

import pytest

from tertulia.signalr.connection import Ended
from tertulia.signalr.messages import Tracked
from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.endpoint import Endpoint
from tertulia.signalr.serve.websocket import AsgiWebSocket

BOUND = 100


class Recorder:
    """An application that notes the end."""

    def __init__(self) -> None:
        self.end: Ended | None = None

    def opened(self, connection: HubConnection) -> None: ...

    def received(self, connection: HubConnection, message: Tracked) -> None: ...

    def ended(self, connection: HubConnection, ended: Ended) -> None:
        self.end = ended


async def _never() -> None:
    await asyncio.Event().wait()


async def _opened(*, waits: int) -> tuple[Recorder, HubConnection]:
    """A connection on a WebSocket to which nothing can be sent, and for which so many bytes wait."""
    recorder = Recorder()
    connection = Endpoint(recorder).websocket("")
    assert isinstance(connection, HubConnection)
    socket = AsgiWebSocket(connection, _never, lambda _: _never(), BOUND)  # type: ignore[arg-type]
    connection.attach(socket)
    connection.receive(b'{"protocol":"json","version":1}\x1e')
    socket._waiting.clear()
    socket._size = 0
    if waits:
        connection.send_frame(b"x" * waits)
    await asyncio.sleep(0)
    return recorder, connection


async def test_what_was_dropped_because_too_much_waited() -> None:
    recorder, _ = await _opened(waits=BOUND + 1)
    assert recorder.end is not None
    assert recorder.end.unsent


@pytest.mark.parametrize("waits", [0, 10])
async def test_what_waits_when_the_application_closes(waits: int) -> None:
    recorder, connection = await _opened(waits=waits)
    connection.close("enough")
    assert recorder.end == Ended(clean=False, error="enough", unsent=waits > 0)
