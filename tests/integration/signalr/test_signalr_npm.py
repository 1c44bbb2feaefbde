"""The unmodified npm clients over every transport and encoding."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.signalr.conftest import Run, served
from tests.integration.signalr.echo_hub import SECRET, build

PAIRS = [
    ("WebSockets", "json"),
    ("WebSockets", "messagepack"),
    ("ServerSentEvents", "json"),
    ("LongPolling", "json"),
    ("LongPolling", "messagepack"),
]
pairs = pytest.mark.parametrize(("transport", "protocol"), PAIRS, ids=["-".join(pair) for pair in PAIRS])


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(build()[0]) as port:
        yield port


@pairs
async def test_calls_and_the_words_of_errors(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("calls", port, transport, protocol)
    assert result["same"] is True
    assert result["who"] == {"id": result["connectionId"], "user": None}
    assert result["add"] == 42
    assert result["nothing"] is None
    assert result["refuse"]["error"] == (
        "An unexpected error occurred invoking 'Refuse' on the server. HubException: room_full: The room is full."
    )
    assert result["crash"]["error"] == "An unexpected error occurred invoking 'Crash' on the server."
    assert result["unencodable"]["error"] == "An unexpected error occurred invoking 'Unencodable' on the server."
    assert result["unknown"]["error"] == "Unknown hub method"
    assert result["tooFew"]["error"] == "Failed to invoke 'Add' due to an error on the server."
    assert result["wrongType"]["error"] == "Failed to invoke 'Add' due to an error on the server."
    assert result["notAStream"]["error"] == (
        "The client attempted to invoke the streaming 'Count' method with a non-streaming invocation."
    )
    assert result["aStream"]["error"] == (
        "The client attempted to invoke the non-streaming 'Add' method with a streaming invocation."
    )
    assert result["noStreamWanted"]["error"] == (
        "An unexpected error occurred invoking 'Nothing' on the server. "
        "HubException: Client sent 1 stream(s), Hub method expects 0."
    )
    assert result["stillThere"] == 2


@pairs
async def test_events_and_calls_keep_their_order(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("order", port, transport, protocol)
    assert result["numbers"] == list(range(200))
    assert result["first"] == "slow"


@pairs
async def test_streams_both_ways(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("streams", port, transport, protocol)
    assert result["down"] == {"items": [0, 1, 2, 3, 4]}
    wording = "An error occurred on the server while streaming results."
    assert result["broken"] == {"items": [0, 1], "error": f"{wording} HubException: that is all"}
    assert result["crashed"] == {"items": [0], "error": wording}
    assert result["cancelled"] is True
    assert result["total"] == 100 + sum(range(50))
    assert result["failed"]["error"] == "An unexpected error occurred invoking 'Total' on the server."
    assert result["doubled"] == {"items": [2, 4, 6]}


@pairs
async def test_results_of_clients(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("results", port, transport, protocol)
    assert result["answered"] == "you asked: well?"
    assert result["missing"]["error"] == "An unexpected error occurred invoking 'Ask' on the server."


@pairs
async def test_large_messages(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("large", port, transport, protocol, size=300_000)
    assert result == {"event": 300_000, "result": 300_000, "inbound": 200_000}


@pairs
async def test_a_message_beyond_the_bound_ends_the_connection(
    client: Run, port: int, transport: str, protocol: str
) -> None:
    result = await client("oversize", port, transport, protocol)
    assert result["closed"] == "Server returned an error on close: Connection closed with an error."
    assert "error" in result["call"]


@pairs
async def test_the_server_hangs_up_and_says_why(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("hangUp", port, transport, protocol)
    assert result == {"closed": "Server returned an error on close: RoomEnded"}


@pairs
@pytest.mark.parametrize("how", ["Hang_Up", "Cut"])
async def test_automatic_reconnect(client: Run, port: int, transport: str, protocol: str, how: str) -> None:
    result = await client("reconnect", port, transport, protocol, how=how)
    assert result["add"] == 3
    assert result["after"] != result["before"]


@pairs
async def test_access_tokens(client: Run, port: int, transport: str, protocol: str) -> None:
    result = await client("auth", port, transport, protocol, token=SECRET)
    assert result["who"]["user"] == SECRET
    assert "401" in result["bad"]["error"]


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
async def test_a_websocket_without_negotiation(client: Run, port: int, protocol: str) -> None:
    result = await client("skipNegotiation", port, "WebSockets", protocol)
    assert result == {"add": 5, "id": None}
