"""Calls that make others work count for more in the rate limit of a connection."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from tertulia.ids import new_uuid
from tertulia.signalr.framing import with_length
from tertulia.sockets import outgoing
from tests.integration.hub.harness import ANSWER, SETTINGS, CallRefused, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr, negotiated

BURST = 100
OFFER = "v=0\r\n" + "a=" + "x" * 39_000
"""39,000 characters, and their frame: 10 calls."""


@pytest.fixture
async def slow(fleet: Fleet) -> Worker:
    """A worker that gives each connection so many calls and no more."""
    return await fleet.worker(replace(SETTINGS, calls_per_second=0.001, burst=BURST))


def _is_limited(frame: dict[str, Any]) -> bool:
    return "error" in frame and frame["error"]["code"] == "rate_limited"


async def _raw(client: PlainClient, frame: Frame) -> None:
    """Send a frame that the library itself would not."""
    client.socket.transport.write(frame.serialize(mask=True, extensions=[]))


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
            for _ in range(11):
                await client.call("SendOffer", {"targetUserId": other, "sdp": OFFER})
    else:
        assert await _until_limited(client, "SendOffer", {"targetUserId": other, "sdp": OFFER}) == 10
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
    # Of 26 calls each, and one for leaving. So few a second also allow four JoinRooms at once, then one a second.
    assert 4 <= seats <= 1 + 4


async def test_calls_that_come_too_late_cost_no_more_than_calls(fleet: Fleet, slow: Worker) -> None:
    room, user = await fleet.room(), new_uuid()
    client, _ = await fleet.join(slow, room, user)
    late = (client.refused("UpdateState", {"isMuted": True}) for _ in range(20))
    _, *codes = await asyncio.gather(client.call("LeaveRoom"), *late)
    assert set(codes) == {"not_joined"}
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, user)})


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_no_other_call_costs_anybody_their_seat(fleet: Fleet, slow: Worker, dialect: str) -> None:
    room = await fleet.room()
    client = await (slow.connect() if dialect == "plain" else connect_signalr(slow))
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    with pytest.raises(CallRefused, match="rate_limited"):
        for _ in range(BURST):
            await client.call("UpdateState", {"isMuted": True})
    for _ in range(3):
        await client.call("KeepAlive", {"received": 0})
    with pytest.raises(CallRefused, match="rate_limited"):
        await client.call("UpdateState", {"isMuted": True})


async def test_what_a_user_has_spent_is_spent_for_their_next_connection_too(fleet: Fleet, slow: Worker) -> None:
    room, user = await fleet.room(), new_uuid()
    client, _ = await fleet.join(slow, room, user)
    assert await _until_limited(client, "UpdateState", {"isMuted": True}) == BURST - 1
    again = await slow.connect()
    assert await again.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, user)}) == "rate_limited"
    other, _ = await fleet.join(slow, room)
    await other.call("UpdateState", {"isMuted": True})


async def test_an_honest_client_may_come_back_several_times_at_once(fleet: Fleet, worker: Worker) -> None:
    room, user = await fleet.room(), new_uuid()
    for _ in range(8):
        client, _ = await fleet.join(worker, room, user)
        for _ in range(20):
            await client.call("UpdateState", {"isMuted": True})
        await client.cut()


async def test_calls_that_came_before_the_seat_are_counted_when_they_are_carried_out(
    fleet: Fleet, slow: Worker
) -> None:
    room, user = await fleet.room(), new_uuid()
    answers: list[dict[str, Any]] = []
    for _ in range(2):
        client = await slow.connect()
        await client.post("JoinRoom", {"roomId": room, "token": fleet.token(room, user)}, id=1)
        for number in range(2, 60):
            await client.post("SendChat", {"text": "x"}, id=number)
        answers = [await client.frame(lambda frame, n=n: frame.get("replyTo") == n) for n in range(1, 60)]
    assert [("error" in answer) for answer in answers].count(False) == BURST - 59 - 25


LONG = f'"{"x" * 24_000}"'
"""24,000 bytes: 7 calls."""


async def test_a_frame_counts_by_its_bytes_whatever_is_in_it(fleet: Fleet, slow: Worker) -> None:
    client, _ = await fleet.join(slow, await fleet.room())
    for number in range(2, 17):
        await client.send(f'{{"event":"UpdateState","id":{number},"payload":{LONG}}}')
    codes = [(await client.frame(lambda frame, n=n: frame.get("replyTo") == n))["error"]["code"] for n in range(2, 17)]
    assert codes == ["invalid"] * 15
    await client.send(f'{{"event":"UpdateState","id":99,"payload":{LONG}}}')
    await client.frame(_is_limited)


LISTS: dict[str, Any] = {"isMuted": [[]] * 2_400, "more": "," * 10_000}
"""As many values as a message may have, nearly, and marks in a text, which count for the rate."""
TOO_MANY: dict[str, Any] = {"isMuted": [[]] * 10_000}


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
@pytest.mark.parametrize("many", [LISTS, TOO_MANY])
async def test_a_message_counts_by_the_lists_and_values_in_it(
    fleet: Fleet, slow: Worker, dialect: str, many: dict[str, Any]
) -> None:
    room = await fleet.room()
    client = await (slow.connect() if dialect == "plain" else connect_signalr(slow))
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    code = "invalid" if many is LISTS else "malformed"
    with pytest.raises(CallRefused, match=code):
        await client.call("UpdateState", many)
    with pytest.raises(CallRefused, match="rate_limited"):
        await client.call("UpdateState", {"isMuted": True})


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_who_sends_more_than_they_may_is_not_read_for_a_moment(
    fleet: Fleet, slow: Worker, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "HOLD_SECONDS", 0.5)
    room = await fleet.room()
    client = await (slow.connect() if dialect == "plain" else connect_signalr(slow))
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    began = 0.0
    with pytest.raises(CallRefused, match="rate_limited"):
        for _ in range(BURST):
            began = time.monotonic()
            await client.call("UpdateState", {"isMuted": True})
    await client.call("KeepAlive")
    assert time.monotonic() - began >= 0.5


NUMBERS: dict[str, Any] = {"isMuted": [1] * 10_000}


@pytest.mark.parametrize("many", [TOO_MANY, NUMBERS])
async def test_a_message_of_messagepack_counts_by_the_lists_and_values_in_it(
    fleet: Fleet, slow: Worker, many: dict[str, Any]
) -> None:
    room = await fleet.room()
    joining = {"roomId": room, "token": fleet.token(room, new_uuid())}
    url = f"{slow.url}/hub?id={await negotiated(slow, stateful=False)}"
    async with connect(url, compression=None) as socket:
        await socket.send(b'{"protocol":"messagepack","version":1}\x1e')
        for call, (event, payload) in enumerate((("JoinRoom", joining), ("UpdateState", many), ("UpdateState", {}))):
            await socket.send(with_length(msgspec.msgpack.encode([1, {}, str(call), event, [payload]])))
        said = b""
        while b"rate_limited" not in said:
            said = await asyncio.wait_for(socket.recv(decode=False), ANSWER)
        assert msgspec.msgpack.decode(said[said.index(b"\x95") :])[2] == "2"


async def test_what_came_before_the_seat_counts_by_the_lists_in_it_too(fleet: Fleet, slow: Worker) -> None:
    room = await fleet.room()
    client = await slow.connect()
    await client.post("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}, id=1)
    await client.post("UpdateState", LISTS, id=2)
    await client.post("UpdateState", {"isMuted": True}, id=3)
    answers = [await client.frame(lambda frame, n=n: frame.get("replyTo") == n) for n in (1, 2, 3)]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, "invalid", "rate_limited"]


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG, Opcode.CONT])
async def test_frames_without_a_call_are_counted(fleet: Fleet, slow: Worker, opcode: Opcode) -> None:
    client, _ = await fleet.join(slow, await fleet.room())
    if opcode is Opcode.CONT:
        await _raw(client, Frame(Opcode.TEXT, b"{}", fin=False))
    for _ in range(BURST):
        await _raw(client, Frame(opcode, b"", fin=opcode is not Opcode.CONT))
    if opcode is Opcode.CONT:
        await _raw(client, Frame(opcode, b"", fin=True))
        await client.frame(_is_limited)
    else:
        assert await client.refused("UpdateState", {"isMuted": True}) == "rate_limited"
