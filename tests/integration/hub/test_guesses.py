"""Credentials that are not valid count against the address that sends them, on every way to the hub."""

from __future__ import annotations

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tertulia.ids import new_uuid
from tertulia.room.rate import ANOTHER_JOIN
from tests.integration.hub.harness import SETTINGS, Fleet, Worker


@pytest.fixture
async def strict(fleet: Fleet) -> Worker:
    """A worker at which one wrong credential is one too many."""
    return await fleet.worker(address_rate=1)


async def _is_let_in(fleet: Fleet, worker: Worker) -> bool:
    room, client = await fleet.room(), await worker.connect()
    await client.post("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}, id=1)
    answer = await client.frame(lambda frame: frame.get("replyTo") == 1)
    assert "result" in answer or answer["error"]["code"] == "rate_limited"
    return "result" in answer


async def test_valid_tokens_do_not_count(fleet: Fleet, strict: Worker) -> None:
    for _ in range(8):
        assert await _is_let_in(fleet, strict)


async def test_a_wrong_token_in_join_room(fleet: Fleet, strict: Worker) -> None:
    client = await strict.connect()
    guess = {"roomId": await fleet.room(), "token": "wrong"}
    assert await client.refused("JoinRoom", guess) == "bad_token"
    assert await client.refused("JoinRoom", guess) == "rate_limited"
    assert not await _is_let_in(fleet, strict)


async def test_a_wrong_key_in_a_negotiation(fleet: Fleet, strict: Worker) -> None:
    url = f"{strict.url.replace('ws', 'http', 1)}/hub/negotiate?negotiateVersion=1"
    async with httpx.AsyncClient() as client:
        answers = [await client.post(url, headers={"Authorization": "Bearer tk_guess"}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [401, 429]
        assert int(answers[1].headers["retry-after"]) >= 1
        assert (await client.post(url)).status_code == 200
    assert not await _is_let_in(fleet, strict)


async def test_a_wrong_token_in_an_upgrade(fleet: Fleet, strict: Worker) -> None:
    statuses = []
    for _ in range(2):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{strict.url}/hub?access_token=guess")
        statuses.append(refused.value.response.status_code)
    assert statuses == [401, 429]
    assert not await _is_let_in(fleet, strict)


@pytest.mark.parametrize("calls_per_second", [1, ANOTHER_JOIN])
async def test_join_room_is_limited_by_all_workers_together(
    fleet: Fleet, worker: Worker, calls_per_second: float
) -> None:
    room, user = await fleet.room(), new_uuid()
    token = fleet.token(room, user)
    slow = replace(SETTINGS, calls_per_second=calls_per_second, burst=10_000)  # each worker by itself lets four pass
    workers = [await fleet.worker(slow) for _ in range(4)]
    codes = []
    for number in range(16):
        client = await workers[number % 4].connect()
        await client.post("JoinRoom", {"roomId": room, "token": token}, id=1)
        answer = await client.frame(lambda frame: frame.get("replyTo") == 1)
        codes.append(answer.get("error", {}).get("code"))
    assert set(codes) == {None, "rate_limited"}
    await fleet.join(worker, room)
