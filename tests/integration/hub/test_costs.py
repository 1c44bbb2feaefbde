"""Calls that make others work count for more in the rate limit of a connection."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tertulia.ids import new_uuid
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr

BURST = 100
OFFER = "v=0\r\n" + "a=x\r\n" * 8_000
"""40,000 characters: 11 calls."""


@pytest.fixture
async def slow(fleet: Fleet) -> Worker:
    """A worker that gives each connection so many calls and no more."""
    return await fleet.worker(replace(SETTINGS, calls_per_second=0.001, burst=BURST))


async def _until_limited(client: PlainClient, event: str, payload: dict[str, object]) -> int:
    """How many calls are admitted."""
    for admitted in range(BURST + 1):
        try:
            await client.call(event, payload)
        except CallRefused as refused:
            assert refused.code == "rate_limited"
            return admitted
    raise AssertionError("none was refused")


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_long_sdp_counts_by_its_length(fleet: Fleet, slow: Worker, dialect: str) -> None:
    room, user = await fleet.room(), new_uuid()
    _, other = await fleet.join(slow, room)
    client = await (slow.connect() if dialect == "plain" else connect_signalr(slow))
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    if dialect == "signalr":
        with pytest.raises(CallRefused, match="rate_limited"):
            for _ in range(10):
                await client.call("SendOffer", {"targetUserId": other, "sdp": OFFER})
    else:
        assert await _until_limited(client, "SendOffer", {"targetUserId": other, "sdp": OFFER}) == 9
    short, _ = await fleet.join(slow, room)
    assert await _until_limited(short, "SendOffer", {"targetUserId": other, "sdp": OFFER[:3_000]}) == BURST - 1


async def test_a_seat_that_is_taken_again_and_again_costs(fleet: Fleet, slow: Worker) -> None:
    room, user = await fleet.room(), new_uuid()
    client, _ = await fleet.join(slow, room, user)
    seats = 1
    with pytest.raises(CallRefused, match="rate_limited"):
        while True:
            await client.call("LeaveRoom")
            await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
            seats += 1
    assert seats == 1 + 4  # of 26 calls each, and one for leaving
