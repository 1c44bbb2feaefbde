"""The plain dialect with compressed messages (RFC 7692)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from tertulia.ids import new_uuid
from tertulia.sockets import deflate
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, PlainClient, Worker

LIMIT = 256 * 1024
SDP = "v=0\r\n" + "a=rtcp-fb:96 nack pli\r\n" * 2_000


class Came:
    """Which frames come compressed, and of how many bytes."""

    def __init__(self, socket: ClientConnection) -> None:
        self.frames: list[tuple[bool, int]] = []
        (extension,) = socket.protocol.extensions
        assert isinstance(extension, PerMessageDeflate)
        decode = extension.decode

        def watched(frame: Frame, **options: Any) -> Frame:
            if frame.opcode is Opcode.TEXT:
                self.frames.append((frame.rsv1, len(frame.data)))
            return decode(frame, **options)

        extension.decode = watched  # type: ignore[method-assign]


@pytest.fixture
async def client(worker: Worker) -> PlainClient:
    return await worker.connect(compression="deflate")


async def _join(fleet: Fleet, client: PlainClient, room: str) -> str:
    user = new_uuid()
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})
    return user


async def _raw(client: PlainClient, *frames: Frame) -> None:
    """Send frames that the library itself would not."""
    for frame in frames:
        plain = Frame(frame.opcode, frame.data, fin=frame.fin)
        data = bytearray(plain.serialize(mask=True, extensions=[]))
        data[0] |= frame.rsv1 << 6 | frame.rsv2 << 5
        client.socket.transport.write(data)


def _call(padding: int, number: str = "x") -> bytes:
    """One of so many bytes and some more."""
    return json.dumps({"event": "NoSuchCall", "id": number, "payload": "x" * padding}).encode()


async def test_large_messages_are_compressed_both_ways(fleet: Fleet, worker: Worker, client: PlainClient) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob_id = await _join(fleet, client, room)
    response = client.socket.response
    assert response is not None
    assert response.headers[deflate.HEADER] == deflate.ACCEPTED
    came = Came(client.socket)
    await client.call("SendOffer", {"targetUserId": ann_id, "sdp": SDP})
    assert (await ann.event("ReceiveOffer"))["sdp"] == SDP
    assert [is_compressed for is_compressed, _ in came.frames] == [False]
    await ann.call("SendAnswer", {"targetUserId": bob_id, "sdp": SDP})
    assert (await client.event("ReceiveAnswer"))["sdp"] == SDP
    ((is_compressed, size),) = came.frames[1:]
    assert (is_compressed, size < len(SDP) / 10) == (True, True)


async def test_who_has_not_offered_it_gets_none(fleet: Fleet, worker: Worker, client: PlainClient) -> None:
    room = await fleet.room()
    bob_id = await _join(fleet, client, room)
    ann, _ = await fleet.join(worker, room)
    assert ann.socket.response is not None
    assert deflate.HEADER not in ann.socket.response.headers
    await client.call("SendOffer", {"targetUserId": (await client.event("ParticipantJoined"))["userId"], "sdp": SDP})
    assert (await ann.event("ReceiveOffer", sourceUserId=bob_id))["sdp"] == SDP  # a reserved bit would have closed it


async def test_a_compressed_message_in_fragments(fleet: Fleet, client: PlainClient) -> None:
    await _join(fleet, client, await fleet.room())
    payload = deflate.deflated(_call(10_000, "pieces"))
    first = Frame(Opcode.TEXT, payload[:20], fin=False, rsv1=True)
    await _raw(client, first, Frame(Opcode.CONT, payload[20:40], fin=False), Frame(Opcode.CONT, payload[40:]))
    with pytest.raises(CallRefused, match="unknown_event"):
        await client.answer("pieces")


@pytest.mark.parametrize("is_whole", [True, False])
async def test_the_bound_is_of_what_was_compressed(fleet: Fleet, client: PlainClient, is_whole: bool) -> None:
    await _join(fleet, client, await fleet.room())
    fits, is_too_large = (deflate.deflated(_call(LIMIT + more, "big")) for more in (-100, 100))
    await _raw(client, Frame(Opcode.TEXT, fits, rsv1=True))
    with pytest.raises(CallRefused, match="unknown_event"):
        await client.answer("big")
    if is_whole:
        await _raw(client, Frame(Opcode.TEXT, is_too_large, rsv1=True))
    else:
        first = Frame(Opcode.TEXT, is_too_large[:9], fin=False, rsv1=True)
        await _raw(client, first, Frame(Opcode.CONT, is_too_large[9:]))
    assert await client.closed() == 1009


async def test_so_is_the_bound_before_joining(client: PlainClient) -> None:
    await _raw(client, Frame(Opcode.TEXT, deflate.deflated(_call(15_000, "small")), rsv1=True))
    with pytest.raises(CallRefused, match="unknown_event"):
        await client.answer("small")
    await _raw(client, Frame(Opcode.TEXT, deflate.deflated(_call(17_000)), rsv1=True))
    assert await client.closed() == 1009


@pytest.mark.parametrize(
    "frames",
    [
        [Frame(Opcode.TEXT, b"\xff\xff\xff", rsv1=True)],
        [Frame(Opcode.TEXT, b"{}", rsv2=True)],
        [Frame(Opcode.PING, b"", rsv1=True)],
        [Frame(Opcode.TEXT, b"", fin=False, rsv1=True), Frame(Opcode.CONT, b"", rsv1=True)],
    ],
)
async def test_what_is_not_the_protocol(client: PlainClient, frames: list[Frame]) -> None:
    await _raw(client, *frames)
    assert await client.closed() == 1002


async def test_a_message_costs_by_what_it_is_inflated_to(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, calls_per_second=0.001, burst=100))
    client = await worker.connect(compression="deflate")
    await _join(fleet, client, await fleet.room())
    large = Frame(Opcode.TEXT, deflate.deflated(_call(200_000, "large")), rsv1=True)
    assert len(large.data) < 1_000
    await _raw(client, large, large, Frame(Opcode.TEXT, deflate.deflated(_call(10, "small")), rsv1=True))
    # Fifty each, one of the hundred being JoinRoom's. Of what is not admitted only the id is read, if it is small.
    await client.frame(lambda f: f.get("replyTo") == "small" and f["error"]["code"] == "rate_limited")
    assert [f["error"]["code"] for f in client.frames if f.get("replyTo") == "large"] == ["unknown_event"] * 2
    await _raw(client, large)
    await client.frame(lambda f: "error" in f and f["replyTo"] is None and f["error"]["code"] == "rate_limited")
