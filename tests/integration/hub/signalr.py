"""A SignalR client on a bare WebSocket, for what an unmodified one does not do: not to read, not to acknowledge."""

from __future__ import annotations

import json

import httpx
from websockets.asyncio.client import connect

from tests.integration.hub.harness import PlainClient, Worker

END = "\x1e"
"""The record separator that ends a message of the JSON hub protocol."""


class SignalRClient(PlainClient):
    """Looks as a plain client does: ``frames`` has the plain dialect's. A Close message is the frame ``{"close": …}``.
    It acknowledges nothing."""

    async def send(self, frame: object) -> None:
        assert isinstance(frame, dict)
        payload = frame.get("payload")
        message = {"type": 1, "target": frame["event"], "arguments": [] if payload is None else [payload]}
        if "id" in frame:
            message["invocationId"] = json.dumps(frame["id"])
        await self.socket.send(json.dumps(message) + END)

    async def acknowledge(self, sequence_id: int) -> None:
        """Say that everything up to this message has come."""
        await self.socket.send(json.dumps({"type": 8, "sequenceId": sequence_id}) + END)

    def _frames_in(self, message: str | bytes) -> list[dict[str, object]]:
        return [_plain(json.loads(one)) for one in str(message).split(END) if one]


def _plain(message: dict[str, object]) -> dict[str, object]:
    """The plain dialect's frame for a message; of others, as it is."""
    match message:
        case {"type": 1, "target": event, "arguments": [payload]}:
            return {"event": event, "payload": payload}
        case {"type": 3, "invocationId": str(call), "error": text}:
            return {"replyTo": json.loads(call), "error": {"code": "error", "message": text}}
        case {"type": 3, "invocationId": str(call)}:
            return {"replyTo": json.loads(call), "result": message.get("result")}
        case {"type": 7}:
            return {"close": message}
    return message


async def negotiated(worker: Worker, *, stateful: bool) -> str:
    """The token of a new connection."""
    url = f"{worker.url.replace('ws', 'http', 1)}/hub/negotiate?negotiateVersion=1&useStatefulReconnect={stateful}"
    async with httpx.AsyncClient() as client:
        token: str = (await client.post(url)).json()["connectionToken"]
        return token


async def connect_signalr(
    worker: Worker, *, stateful: bool = False, token: str | None = None, **options: object
) -> SignalRClient:
    """A client after its handshake; ``token``: of a stateful connection that was negotiated elsewhere. ``options``: of
    websockets' connect.
    """
    stateful = stateful or token is not None
    url = f"{worker.url}/hub?id={token or await negotiated(worker, stateful=stateful)}"
    socket = await connect(url, compression=None, ping_interval=None, max_size=None, **options)  # type: ignore[arg-type]
    await socket.send(json.dumps({"protocol": "json", "version": 2 if stateful else 1}) + END)
    client = SignalRClient(socket)
    await client.frame(lambda f: f == {})
    return client
