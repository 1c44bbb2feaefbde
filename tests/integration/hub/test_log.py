"""What the log says of connections: request id, caller and address, whatever the transport."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from tertulia.ids import new_uuid
from tests.integration.hub.harness import Fleet, PlainClient, Worker
from tests.integration.hub.signalr import END, connect_signalr, negotiated
from tests.waiting import until

Logs = list[MutableMapping[str, Any]]


@pytest.fixture
def logs() -> Iterator[Logs]:
    with capture_logs() as logs:
        yield logs


def events(logs: Logs, name: str, level: str = "info") -> Logs:
    found = [log for log in logs if (log["event"], log["log_level"]) == (name, level)]
    assert all(log["address"] == "127.0.0.1" for log in found)
    return found


def hub(worker: Worker) -> str:
    return worker.url.replace("ws", "http", 1) + "/hub"


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_a_websocket_and_who_sits_at_its_end(fleet: Fleet, worker: Worker, logs: Logs, dialect: str) -> None:
    room, user = await fleet.room(), new_uuid()
    token = fleet.token(room, user)
    client: PlainClient
    if dialect == "plain":
        client = await worker.connect()
    else:
        client = await connect_signalr(worker, additional_headers={"Authorization": f"Bearer {token}"})
    assert client.socket.response is not None
    (opened,) = events(logs, "websocket")
    assert opened["request"] == client.socket.response.headers["X-Request-Id"]
    assert (opened["path"], opened["status"]) == ("/ws" if dialect == "plain" else "/hub", 101)
    assert opened["by"] == (None if dialect == "plain" else f"user {user}")
    await client.call("JoinRoom", {"roomId": room, "token": token})
    (seated,) = events(logs, "a participant is seated")
    assert (seated["room"], seated["by"], seated["connection"]) == (room, f"user {user}", opened["connection"])
    assert token not in str(logs)


async def test_an_upgrade_that_is_refused(worker: Worker, logs: Logs) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await worker.connect(origin="https://evil.example")
    (log,) = events(logs, "websocket")
    assert (log["status"], log["request"]) == (403, refused.value.response.headers["X-Request-Id"])


async def test_an_api_key_is_looked_up_behind_the_upgrade(fleet: Fleet, worker: Worker, logs: Logs) -> None:
    key = await fleet.api_key()
    await connect_signalr(worker, additional_headers={"Authorization": f"Bearer {key.secret}"})
    (opened,) = events(logs, "websocket")
    (accepted,) = [log for log in logs if log["event"] == "the credential of a WebSocket is accepted"]
    assert (opened["by"], accepted["by"]) == (None, f"key {key.key.id}")
    assert accepted["connection"] == opened["connection"]


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
async def test_streams_and_polls(fleet: Fleet, worker: Worker, logs: Logs, accept: str) -> None:
    room, user = await fleet.room(), new_uuid()
    credential = {"Authorization": f"Bearer {fleet.token(room, user)}"}
    async with httpx.AsyncClient(headers=credential, timeout=10) as http:
        token = await negotiated(worker, stateful=False)
        (negotiation,) = events(logs, "http")
        assert (negotiation["path"], negotiation["status"], negotiation["by"]) == ("/hub/negotiate", 200, None)
        async with http.stream("GET", hub(worker), params={"id": token}, headers={"Accept": accept}) as stream:
            (_, begun) = events(logs, "http")
            assert begun["request"] == stream.headers["X-Request-Id"]
            assert begun["by"] == f"user {user}"
            payload = {"roomId": room, "token": credential["Authorization"].removeprefix("Bearer ")}
            join = {"type": 1, "target": "JoinRoom", "arguments": [payload]}
            body = "".join(json.dumps(message) + END for message in ({"protocol": "json", "version": 1}, join))
            posted = await http.post(hub(worker), params={"id": token}, content=body)
            (routine,) = events(logs, "http", "debug")
            assert routine["request"] == posted.headers["X-Request-Id"]
            seated = await until(lambda: events(logs, "a participant is seated"))
            assert seated[0]["connection"] == begun["connection"]
        refused = await http.get(hub(worker))
        assert (refused.status_code, events(logs, "http")[-1]["status"]) == (400, 400)
        assert token not in str(logs)


async def test_a_request_that_another_worker_answers_keeps_its_id(fleet: Fleet, worker: Worker, logs: Logs) -> None:
    owner = await fleet.worker()
    await fleet.register(owner, owner.internal_url)
    token = await negotiated(owner, stateful=False)
    async with httpx.AsyncClient(timeout=10) as http:
        answer = await http.get(hub(worker), params={"id": token})
    assert answer.status_code == 200
    here, there = [log for log in events(logs, "http") + events(logs, "http", "debug") if log["path"] == "/hub"]
    assert here["request"] == there["request"] == answer.headers["X-Request-Id"]
