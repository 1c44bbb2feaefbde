"""What an end says of what did not go out."""

from __future__ import annotations

import asyncio

import pytest

from tertulia.signalr.connection import Ended
from tertulia.signalr.messages import Tracked
from tertulia.signalr.serve.endpoint import Endpoint
from tertulia.signalr.serve.link import Link
from tertulia.signalr.serve.websocket import AsgiWebSocket

BOUND = 100


class Recorder:
    """An application that notes the end."""

    def __init__(self) -> None:
        self.end: Ended | None = None

    def opened(self, link: Link) -> None: ...

    def received(self, link: Link, message: Tracked) -> None: ...

    def ended(self, link: Link, ended: Ended) -> None:
        self.end = ended


async def _never() -> None:
    await asyncio.Event().wait()


async def _opened(*, waits: int) -> tuple[Recorder, Link]:
    """A connection on a WebSocket to which nothing can be sent, and for which so many bytes wait."""
    recorder = Recorder()
    link = Endpoint(recorder).websocket("")
    assert isinstance(link, Link)
    socket = AsgiWebSocket(link, _never, lambda _: _never(), BOUND)  # type: ignore[arg-type]
    link.attach(socket)
    link.receive(b'{"protocol":"json","version":1}\x1e')
    socket._waiting.clear()
    socket._size = 0
    if waits:
        link.send_frame(b"x" * waits)
    await asyncio.sleep(0)
    return recorder, link


async def test_what_was_dropped_because_too_much_waited() -> None:
    recorder, _ = await _opened(waits=BOUND + 1)
    assert recorder.end is not None
    assert recorder.end.unsent


@pytest.mark.parametrize("waits", [0, 10])
async def test_what_waits_when_the_application_closes(waits: int) -> None:
    recorder, link = await _opened(waits=waits)
    link.close("enough")
    assert recorder.end == Ended(clean=False, error="enough", unsent=waits > 0)
