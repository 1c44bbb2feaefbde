"""Stateful reconnect of the unmodified npm client, through a proxy that is cut under load."""

from __future__ import annotations

import asyncio

import pytest

from tertulia.signalr.serve import Caller
from tests.integration.signalr.conftest import Run, served
from tests.integration.signalr.echo_hub import build
from tests.integration.signalr.proxy import proxied

CALLS = 400


def replaceable(caller: Caller) -> bool:
    """The client can stand a cut: it has the handshake's answer, and is not replacing its socket: it tries once."""
    connection = caller.connection
    incoming = connection.core._incoming
    if connection.transport is None or incoming is None:
        return False
    return incoming.latest > 0 and not incoming._awaiting_sequence


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
@pytest.mark.parametrize("how", ["cut", "cut_the_client_only"])
async def test_nothing_is_lost_or_doubled(client: Run, protocol: str, how: str) -> None:
    app, hub = build()
    async with served(app) as port, proxied(port) as proxy:
        scenario = asyncio.ensure_future(client("stateful", proxy.port, "WebSockets", protocol, calls=CALLS))
        cuts = 0
        while not scenario.done() and cuts < 6:
            proxy.carried.clear()
            carried = asyncio.create_task(proxy.carried.wait())
            await asyncio.wait((scenario, carried), return_when=asyncio.FIRST_COMPLETED)
            carried.cancel()
            await asyncio.wait((scenario,), timeout=0.15)
            if any(replaceable(caller) for caller in hub.callers.values()):
                cuts += bool(getattr(proxy, how)())
        result = await scenario
    assert cuts >= 3, "the client was through before it was cut"
    assert result["answers"] == list(range(CALLS))
    assert result["heard"] == 3 * CALLS
    assert result["inOrder"]
    assert result["same"], "the connection was not kept"
    assert result["who"]["id"] == result["id"]
    assert result["reconnects"] == []
