"""The transports to the byte: status codes as ASP.NET Core's, pings, timeouts, what replaces what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tertulia.signalr.framing import with_length
from tertulia.signalr.handshake import MESSAGEPACK
from tertulia.signalr.messages import Completion, Invocation
from tests.integration.signalr.conftest import served
from tests.integration.signalr.echo_hub import SECRET, build

SHAKE = '{"protocol":"json","version":1}\x1e'
PATIENCE = 10.0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with served(build()[0]) as port:
        yield port


@asynccontextmanager
async def http(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
        yield client


async def negotiated(client: httpx.AsyncClient) -> str:
    answer = await client.post("/hub/negotiate?negotiateVersion=1")
    return str(answer.json()["connectionToken"])


async def polled(client: httpx.AsyncClient) -> str:
    """A connection over long polling whose handshake is done."""
    token = await negotiated(client)
    first = await client.get(f"/hub?id={token}")
    assert (first.status_code, first.content) == (200, b"")
    assert (await client.post(f"/hub?id={token}", content=SHAKE)).status_code == 200
    assert (await client.get(f"/hub?id={token}")).content == b"{}\x1e"
    return token


@asynccontextmanager
async def socket(port: int, query: str = "", shake: str | None = SHAKE) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{port}/hub{query}", compression=None, ping_interval=None) as ws:
        if shake is not None:
            await ws.send(shake)
            assert await ws.recv() in ("{}\x1e", b"{}\x1e")
        yield ws


async def said(ws: ClientConnection) -> list[dict[str, Any]]:
    """Everything until the end."""
    messages: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(PATIENCE):
            async for frame in ws:
                text = frame if isinstance(frame, str) else frame.decode()
                messages += (json.loads(part) for part in text.split("\x1e") if part)
    except ConnectionClosed:
        pass
    return messages


async def test_negotiation(port: int) -> None:
    async with http(port) as client:
        answer = await client.post("/hub/negotiate?negotiateVersion=1")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert body["negotiateVersion"] == 1
        assert body["connectionId"] != body["connectionToken"]
        assert "useStatefulReconnect" not in body
        body = (await client.post("/hub/negotiate")).json()
        assert body["negotiateVersion"] == 0
        assert "connectionToken" not in body
        body = (await client.post("/hub/negotiate?NegotiateVersion=1&UseStatefulReconnect=true")).json()
        assert body["useStatefulReconnect"] is True
        assert "error" in (await client.post("/hub/negotiate?negotiateVersion=x")).json()
        assert (await client.get("/hub/negotiate")).status_code == 405
        assert (await client.post("/other/negotiate")).status_code == 404


async def test_status_codes_of_requests_that_are_for_nothing(port: int) -> None:
    async with http(port) as client:
        for method in ("GET", "POST", "DELETE"):
            answer = await client.request(method, "/hub")
            assert (answer.status_code, answer.text) == (400, "Connection ID required")
            for wrong in ("unknown", ".x.1..AAAAAAAAAAAAAAAAAAAAAA"):
                answer = await client.request(method, f"/hub?id={wrong}")
                assert (answer.status_code, answer.text) == (404, "No Connection with that ID")
        events = {"accept": "text/event-stream"}
        assert (await client.get("/hub", headers=events)).status_code == 400
        assert (await client.get("/hub?id=unknown", headers=events)).status_code == 404
        assert (await client.put("/hub")).status_code == 405
        token = await negotiated(client)
        assert (await client.post(f"/hub?id={token}", content=SHAKE)).status_code == 200
        assert (await client.delete(f"/hub?id={token}")).status_code == 400


async def test_long_polling(port: int) -> None:
    async with http(port) as client:
        token = await polled(client)
        call = '{"type":1,"target":"Add","arguments":[1,2],"invocationId":"1"}\x1e'
        assert (await client.post(f"/hub?id={token}", content=call)).status_code == 200
        answer = await client.get(f"/hub?id={token}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "no-cache, no-store"
        assert json.loads(answer.content[:-1]) == {"type": 3, "invocationId": "1", "result": 3}
        older = asyncio.create_task(client.get(f"/hub?id={token}"))
        newer = asyncio.create_task(client.get(f"/hub?id={token}"))
        replaced, _ = await asyncio.wait((older, newer), return_when=asyncio.FIRST_COMPLETED)
        (replaced_one,) = replaced
        assert replaced_one.result().status_code == 204
        waiting = newer if replaced_one is older else older
        assert (await client.delete(f"/hub?id={token}")).status_code == 202
        assert (await waiting).status_code == 204
        assert (await client.get(f"/hub?id={token}")).status_code == 404
        assert (await client.post(f"/hub?id={token}", content=call)).status_code == 404


async def test_a_polled_connection_that_is_closed_says_so_and_then_204() -> None:
    app, hub = build()
    gone = asyncio.Event()

    @hub.disconnected
    async def disconnected(caller: object) -> None:
        gone.set()

    async with served(app) as port, http(port) as client:
        token = await polled(client)
        call = '{"type":1,"target":"Hang_Up","arguments":["bye",false]}\x1e'
        await client.post(f"/hub?id={token}", content=call)
        answer = await client.get(f"/hub?id={token}")
        assert json.loads(answer.content[:-1]) == {"type": 7, "error": "bye"}
        assert (await client.get(f"/hub?id={token}")).status_code == 204
        assert (await client.get(f"/hub?id={token}")).status_code == 404
        await asyncio.wait_for(gone.wait(), PATIENCE)


async def test_who_stops_polling_is_gone() -> None:
    app, hub = build(reconnect_timeout=1)
    gone = asyncio.Event()

    @hub.disconnected
    async def disconnected(caller: object) -> None:
        gone.set()

    async with served(app) as port, http(port) as client:
        token = await polled(client)
        await asyncio.wait_for(gone.wait(), PATIENCE)
        assert (await client.get(f"/hub?id={token}")).status_code == 404
        assert app.endpoint.connections == set()


async def test_a_transport_cannot_be_changed(port: int) -> None:
    async with http(port) as client:
        token = await polled(client)
        answer = await client.get(f"/hub?id={token}", headers={"accept": "text/event-stream"})
        assert (answer.status_code, answer.text) == (400, "Cannot change transports mid-connection")
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{port}/hub?id={token}")
        assert refused.value.response.status_code == 400
        token = await negotiated(client)
        async with socket(port, f"?id={token}"):
            answer = await client.get(f"/hub?id={token}")
            assert answer.status_code == 400
            answer = await client.post(f"/hub?id={token}", content="x")
            assert answer.status_code == 405
            assert answer.text == "POST requests are not allowed for WebSocket connections."
            answer = await client.delete(f"/hub?id={token}")
            assert answer.status_code == 400
            assert answer.text == "Cannot terminate this connection using the DELETE endpoint."
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{port}/hub?id={token}")
            assert refused.value.response.status_code == 409


async def test_server_sent_events(port: int) -> None:
    async with http(port) as client:
        token = await negotiated(client)
        events = {"accept": "text/event-stream"}
        async with client.stream("GET", f"/hub?id={token}", headers=events) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            pieces = stream.aiter_bytes()
            assert await anext(pieces) == b":\r\n"
            assert (await client.get(f"/hub?id={token}", headers=events)).status_code == 409
            await client.post(f"/hub?id={token}", content=SHAKE)
            assert await anext(pieces) == b"data: {}\x1e\r\n\r\n"
            body = json.dumps({"type": 1, "target": "Echo", "arguments": ["line\r\nline\nline"], "invocationId": "1"})
            await client.post(f"/hub?id={token}", content=body + "\x1e")
            event = await anext(pieces)
            message = json.loads(event.removeprefix(b"data: ").removesuffix(b"\x1e\r\n\r\n"))
            assert message["result"] == "line\r\nline\nline"


async def test_message_pack_is_refused_over_server_sent_events(port: int) -> None:
    async with http(port) as client:
        token = await negotiated(client)
        async with client.stream("GET", f"/hub?id={token}", headers={"accept": "text/event-stream"}) as stream:
            await client.post(f"/hub?id={token}", content=SHAKE.replace("json", "messagepack"))
            text = "".join([line async for line in stream.aiter_lines()])
        assert "The transport does not support 'Binary' transfer format." in text


async def test_pings_come_and_silence_ends() -> None:
    app, _ = build(keep_alive=0.5, client_timeout=2)
    async with served(app) as port, socket(port) as ws:
        messages = await said(ws)
    assert {"type": 6} in messages
    assert messages[-1] == {"type": 7, "allowReconnect": True}


async def test_who_pings_stays() -> None:
    app, hub = build(keep_alive=30, client_timeout=1.5)
    async with served(app) as port, socket(port) as ws:
        for _ in range(8):
            await ws.send('{"type":6}\x1e')
            await asyncio.sleep(0.4)  # the time that is tested
        assert len(hub.callers) == 1


async def test_a_handshake_that_does_not_come() -> None:
    app, _ = build(handshake_timeout=0.5)
    async with served(app) as port, socket(port, shake=None) as ws:
        assert await said(ws) == [{"error": "Handshake was canceled."}]
        assert app.endpoint.connections == set()


async def test_a_handshake_that_is_wrong(port: int) -> None:
    async with socket(port, shake=None) as ws:
        await ws.send('{"protocol":"json","version":3}\x1e')
        assert await said(ws) == [{"error": "The server supports versions of the hub protocol up to 2."}]


async def test_messages_cut_anywhere_across_binary_frames(port: int) -> None:
    frame = MESSAGEPACK.encode(Invocation("Echo", ["x" * 1000], "1"))
    async with socket(port, shake='{"protocol":"messagepack","version":1}\x1e') as ws:
        for start in range(0, len(frame), 7):
            await ws.send(frame[start : start + 7])
        answer = await ws.recv()
        assert answer == MESSAGEPACK.encode(Completion("1", "x" * 1000))


async def test_a_length_that_lies(port: int) -> None:
    async with socket(port, shake='{"protocol":"messagepack","version":1}\x1e') as ws:
        await ws.send(with_length(b"x" * 200)[:1] + b"\xff\xff\xff\x7f")
        frame = await ws.recv()
        assert isinstance(frame, bytes)
        assert b"Connection closed with an error." in frame


@pytest.mark.parametrize(
    "credential", [{"headers": {"authorization": "Bearer wrong"}}, {"params": {"access_token": "wrong"}}]
)
async def test_a_wrong_credential(port: int, credential: dict[str, Any]) -> None:
    async with http(port) as client:
        assert (await client.post("/hub/negotiate", **credential)).status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{port}/hub?access_token=wrong")
    assert refused.value.response.status_code == 401


async def test_a_right_credential_either_way(port: int) -> None:
    async with http(port) as client:
        for credential in ({"headers": {"authorization": f"bearer {SECRET}"}}, {"params": {"access_token": SECRET}}):
            assert (await client.post("/hub/negotiate", **credential)).status_code == 200  # type: ignore[arg-type]


async def test_a_reader_that_stands_still_is_closed_and_delays_nobody() -> None:
    app, hub = build(max_waiting=1_000_000, client_timeout=600)
    gone = asyncio.Event()

    @hub.disconnected
    async def disconnected(caller: object) -> None:
        gone.set()

    async with served(app) as port, socket(port) as still, socket(port) as reader:
        still.transport.pause_reading()
        call = json.dumps({"type": 1, "target": "Tell_All", "arguments": ["x" * 200_000], "invocationId": "1"}) + "\x1e"
        while not gone.is_set():
            await reader.send(call)
            async with asyncio.timeout(PATIENCE):
                while '"type":3' not in str(await reader.recv())[:50]:
                    pass
        assert len(hub.callers) == 1
        still.transport.abort()


async def test_a_stream_is_cancelled_while_a_call_runs(port: int) -> None:
    """Over SSE, clients send the cancellation behind a call that came later."""
    count = {"type": 4, "invocationId": "1", "target": "Count", "arguments": [1_000_000, 0.001]}
    async with socket(port) as ws, asyncio.timeout(PATIENCE):
        await ws.send(json.dumps(count) + "\x1e")
        await message_of(ws, 2, "1")
        await ws.send(
            json.dumps({"type": 1, "invocationId": "2", "target": "Cancelled_Streams", "arguments": []}) + "\x1e"
        )
        await ws.send(json.dumps({"type": 5, "invocationId": "1"}) + "\x1e")
        done = await message_of(ws, 3, "2")
    assert done == {"type": 3, "invocationId": "2", "result": True}


async def message_of(ws: ClientConnection, kind: int, invocation_id: str) -> dict[str, Any]:
    """The next message of that type for a call; others are passed over."""
    async for frame in ws:
        text = frame if isinstance(frame, str) else frame.decode()
        for part in filter(None, text.split("\x1e")):
            message: dict[str, Any] = json.loads(part)
            if (message["type"], message.get("invocationId")) == (kind, invocation_id):
                return message
    raise AssertionError(f"the connection ended without a message of type {kind} for {invocation_id}")
