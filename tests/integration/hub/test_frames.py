"""The plain dialect: frames, ids, bounds, rates; the WebSocket around it."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from tertulia.contract.calls import CALLS
from tertulia.ids import new_uuid
from tests.integration.hub.harness import SETTINGS, CallRefused, Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr

LIMIT = 256 * 1024


@pytest.fixture
async def client(worker: Worker) -> PlainClient:
    return await worker.connect()


@pytest.fixture
async def member(fleet: Fleet, worker: Worker) -> PlainClient:
    joined, _ = await fleet.join(worker, await fleet.room(), role="host")
    return joined


@pytest.mark.parametrize("number", [7, -1, 0, 7.5, "x", "", "a" * 64, 2**53, 10**30])
async def test_the_id_comes_back(member: PlainClient, number: Any) -> None:
    await member.post("KeepAlive", id=number)
    assert await member.answer(number) == {}
    await member.post("NoSuchCall", id=number)
    frame = await member.frame(lambda f: "error" in f)
    assert (frame["replyTo"], frame["error"]["code"]) == (number, "unknown_event")


@pytest.mark.parametrize("number", ["a" * 65, True, [], {}, "\0", "\ud800"])
async def test_other_ids_are_invalid(member: PlainClient, number: Any) -> None:
    await member.send({"event": "UpdateState", "payload": {"isMuted": True}, "id": number})
    frame = await member.frame(lambda f: "error" in f)
    assert frame["replyTo"] is None
    assert (frame["error"]["code"], frame["error"]["field"]) == ("invalid", "id")
    await member.fence()
    assert member.named("StateChanged") == []


async def test_an_id_that_is_null_counts_as_none(member: PlainClient) -> None:
    await member.send({"event": "KeepAlive", "id": None})
    await member.send({"event": "KeepAlive"})
    await member.send({"event": "NoSuchCall", "id": None})
    await member.fence()
    answers = [f for f in member.frames if "replyTo" in f][1:-1]  # between JoinRoom's and the fence's
    assert [(a["replyTo"], a["error"]["code"]) for a in answers] == [(None, "unknown_event")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "[]",
        "7",
        '"x"',
        "null",
        "true",
        "{",
        '{"event": "KeepAlive",}',
        "{'a': 1}",
        '{"a": NaN}',
        "\ufeff{}",
        '{"event": "KeepAlive"} {}',
        '{"a": "\n"}',
        "\0",
        "[" * 1000,
    ],
)
async def test_what_is_no_json_object_is_malformed_and_the_socket_stays(member: PlainClient, text: str) -> None:
    await member.send(text)
    frame = await member.frame(lambda f: "error" in f)
    assert (frame["replyTo"], frame["error"]["code"]) == (None, "malformed")
    await member.call("KeepAlive")


def _nested(levels: int) -> str:
    """A SendIceCandidate of so many levels, the outer object being the first, the payload the second, the candidate
    the third."""
    inner = "0"
    for _ in range(levels - 3):
        inner = f"[{inner}]"
    payload = f'{{"targetUserId":"{new_uuid()}","candidate":{{"x":{inner}}}}}'
    return f'{{"event":"SendIceCandidate","id":"deep","payload":{payload}}}'


async def test_thirty_two_levels_and_no_more(member: PlainClient) -> None:
    await member.send(_nested(32))
    assert (await member.frame(lambda f: f.get("replyTo") == "deep"))["error"]["code"] == "unknown_target"
    await member.send(_nested(33))
    assert (await member.frame(lambda f: "error" in f and f["replyTo"] is None))["error"]["code"] == "malformed"


@pytest.mark.parametrize(
    "frame", [{}, {"event": 7}, {"event": None}, {"event": ["JoinRoom"]}, {"payload": {}}, {"event": "\ud800"}]
)
async def test_a_frame_without_the_name_of_a_call_is_invalid(member: PlainClient, frame: dict[str, Any]) -> None:
    await member.send({**frame, "id": 3})
    with pytest.raises(CallRefused) as refused:
        await member.answer(3)
    assert (refused.value.code, refused.value.field) == ("invalid", "event")


async def test_unknown_calls(client: PlainClient, member: PlainClient) -> None:
    for name in ("NoSuchCall", "joinroom", "ParticipantJoined", "", "x" * 10_000):
        assert await member.refused(name) == "unknown_event"
        assert await client.refused(name) == "unknown_event"


@pytest.mark.parametrize("event", sorted(set(CALLS) - {"JoinRoom"}))
async def test_everything_before_join_is_not_joined(client: PlainClient, event: str) -> None:
    for payload in ({}, None, {"targetUserId": new_uuid(), "sdp": "v=0", "candidate": "", "text": "x", "raised": True}):
        assert await client.refused(event, payload) == "not_joined"


@pytest.mark.parametrize("payload", [None, {}])
@pytest.mark.parametrize("event", ["KeepAlive", "MuteAll", "LeaveRoom", "EndRoom"])
async def test_no_payload_null_and_an_empty_one_are_the_same(member: PlainClient, event: str, payload: Any) -> None:
    assert await member.call(event, payload) == {}


async def test_no_payload_at_all(member: PlainClient) -> None:
    await member.send({"event": "KeepAlive", "id": 5})
    assert await member.answer(5) == {}


_GOOD: dict[str, dict[str, Any]] = {
    "SendOffer": {"targetUserId": new_uuid(), "sdp": "v=0"},
    "SendAnswer": {"targetUserId": new_uuid(), "sdp": "v=0"},
    "SendIceCandidate": {"targetUserId": new_uuid(), "candidate": "candidate:1"},
    "UpdateState": {"isMuted": True, "isVideoOn": True},
    "SetView": {"videos": [{"userId": new_uuid(), "source": "camera", "maxHeight": 180}]},
    "SendChat": {"text": "x", "targetUserId": new_uuid()},
    "RaiseHand": {"raised": True},
    "SetDisplayName": {"displayName": "x"},
    "AskToMute": {"targetUserId": new_uuid()},
    "RemoveParticipant": {"targetUserId": new_uuid()},
}
_OPTIONAL = {"isMuted", "isVideoOn"}


def _wrong(field: str) -> list[Any]:
    return [7, 1.5, {"a": "\0"} if field == "candidate" else {}]


def _bad_payloads() -> list[tuple[str, Any, str]]:
    """(event, payload, the field at fault)."""
    cases: list[tuple[str, Any, str]] = []
    no_objects: list[Any] = ["x", 7, [], True]
    for event, good in _GOOD.items():
        cases += [(event, value, "") for value in no_objects]
        cases += [] if event == "UpdateState" else [(event, None, "")]
        for field, value in good.items():
            cases += [(event, {**good, field: wrong}, field) for wrong in _wrong(field)]
            if isinstance(value, str):
                cases += [(event, {**good, field: "x\0y"}, field), (event, {**good, field: "x\ud800"}, field)]
                cases += [(event, {**good, field: "x" * 200_001}, field)]
            if field not in _OPTIONAL and (event, field) != ("SendChat", "targetUserId"):
                cases.append((event, {k: v for k, v in good.items() if k != field}, field))
    cases += [
        ("SendChat", {"text": ""}, "text"),
        ("SendOffer", {"targetUserId": "", "sdp": "v=0"}, "targetUserId"),
        ("SendOffer", {**_GOOD["SendOffer"], "slots": "yes"}, "slots"),
        ("SendOffer", {**_GOOD["SendOffer"], "tracks": {"0": "telescope"}}, "tracks[...]"),
        ("SetView", {"videos": [{"source": "camera"}]}, "videos[0].userId"),
        ("SetView", {"videos": [{"userId": "x"}]}, "videos[0].userId"),
        ("SetView", {"videos": [{"userId": new_uuid(), "maxHeight": 0}]}, "videos[0].maxHeight"),
        ("SetView", {"videos": [{"userId": new_uuid()}] * 65}, "videos"),
    ]
    return cases


async def test_bad_payloads_are_invalid_and_change_nothing(fleet: Fleet) -> None:
    worker, room = await fleet.worker(replace(SETTINGS, burst=1_000_000)), await fleet.room()
    ann, _ = await fleet.join(worker, room, role="host")
    bob, _ = await fleet.join(worker, room)
    before = await fleet.members(room)
    for event, payload, field in _bad_payloads():
        with pytest.raises(CallRefused) as refused:
            await ann.call(event, payload)
        assert (refused.value.code, refused.value.field) == ("invalid", field), (event, str(payload)[:100])
    await bob.fence()
    assert [name for name, _ in bob.events] == []
    assert await fleet.members(room) == before


async def test_an_update_without_a_payload_is_invalid(member: PlainClient) -> None:
    assert await member.refused("UpdateState", None) == "invalid"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"roomId": None}, "roomId"),
        ({"roomId": "x"}, "roomId"),
        ({"roomId": new_uuid() + "\n"}, "roomId"),
        ({"roomId": 7}, "roomId"),
        ({"token": None}, "token"),
        ({"token": ""}, "token"),
        ({"token": "x" * 8193}, "token"),
        ({"token": "\0"}, "token"),
        ({"isMuted": "yes"}, "isMuted"),
        ({"isVideoOn": 1}, "isVideoOn"),
        ({"resumeToken": 7}, "resumeToken"),
        ({"resumeToken": "x" * 257}, "resumeToken"),
    ],
)
async def test_bad_join_payloads(fleet: Fleet, client: PlainClient, change: dict[str, Any], field: str) -> None:
    room = await fleet.room()
    good = {"roomId": room, "token": fleet.token(room, new_uuid())}
    with pytest.raises(CallRefused) as refused:
        await client.call("JoinRoom", {**good, **change})
    assert (refused.value.code, refused.value.field) == ("invalid", field)
    await client.call("JoinRoom", {**good, "resumeToken": None, "isMuted": None, "isVideoOn": None, "unknown": 1})


async def test_a_frame_of_256_kib_and_one_byte_more(member: PlainClient) -> None:
    start, end = '{"event": "NoSuchCall", "id": "big", "payload": "', '"}'
    await member.send(start + "x" * (LIMIT - len(start) - len(end)) + end)
    assert (await member.frame(lambda f: f.get("replyTo") == "big"))["error"]["code"] == "unknown_event"
    await member.send("x" * (LIMIT + 1))
    assert await member.closed() == 1009


async def test_ten_megabytes_close_and_the_server_lives(worker: Worker, client: PlainClient) -> None:
    await client.send("x" * 10_000_000)
    assert await client.closed() == 1009
    again = await worker.connect()
    await again.fence()


async def test_a_message_in_fragments(member: PlainClient) -> None:
    text = json.dumps({"event": "KeepAlive", "id": "frag mënt"}, ensure_ascii=False).encode()
    await member.socket.send(iter([text[:5].decode(), text[5:-4].decode(errors="surrogateescape"), text[-4:].decode()]))
    assert await member.answer("frag mënt") == {}


async def test_fragments_that_are_too_much_together(member: PlainClient) -> None:
    await member.socket.send(["x" * 200_000, "x" * 100_000])
    assert await member.closed() == 1009


async def test_empty_fragments_add_nothing(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, burst=20_000))
    member, _ = await fleet.join(worker, await fleet.room())
    await _raw(member, Frame(Opcode.TEXT, b'{"event": ', fin=False))
    empty = Frame(Opcode.CONT, b"", fin=False).serialize(mask=True, extensions=[])
    member.socket.transport.write(empty * 10_000)
    await (await member.socket.ping())  # all that is here now
    (client,) = worker.hub.clients
    assert len(client._parts) == 1  # type: ignore[attr-defined]
    await _raw(member, Frame(Opcode.CONT, b'"KeepAlive", "id": "whole"}'))
    assert await member.answer("whole") == {}


async def test_a_fragment_that_continues_nothing(member: PlainClient) -> None:
    await _raw(member, Frame(Opcode.CONT, b"x"))
    assert await member.closed() == 1002


async def test_reserved_bits(member: PlainClient) -> None:
    frame = bytearray(Frame(Opcode.TEXT, b"{}").serialize(mask=True, extensions=[]))
    frame[0] |= 0x40
    member.socket.transport.write(frame)
    assert await member.closed() == 1002


async def test_binary(member: PlainClient) -> None:
    await member.send(b"{}")
    assert await member.closed() == 1003


async def test_binary_compressed(worker: Worker) -> None:
    client = await worker.connect(compression="deflate")
    await client.send(b"{}")
    assert await client.closed() == 1003


@pytest.mark.parametrize("data", [b"\xff", b'{"event": "\xff"}', b'{"event":"KeepAlive","x":"\xed\xa0\x80"}', b"{\xc3"])
async def test_bad_utf_8(member: PlainClient, data: bytes) -> None:
    await _raw(member, Frame(Opcode.TEXT, data))
    assert await member.closed() == 1007


async def test_a_ping_is_answered(member: PlainClient) -> None:
    await (await member.socket.ping(b"are you there"))


async def _raw(client: PlainClient, frame: Frame) -> None:
    """Send a frame that the library itself would not."""
    client.socket.transport.write(frame.serialize(mask=True, extensions=[]))


async def test_a_call_that_asks_for_no_answer_is_seen_by_proxies(member: PlainClient) -> None:
    pongs: list[bytes] = []
    member.socket.acknowledge_pings = pongs.append  # type: ignore[method-assign, assignment]
    await member.socket.send('{"event": "KeepAlive"}')
    await member.call("KeepAlive")
    assert pongs == [b""]


@pytest.mark.parametrize("dialect", ["plain", "signalr"])
async def test_both_dialects_read_numbers_and_texts_alike(fleet: Fleet, worker: Worker, dialect: str) -> None:
    room = await fleet.room()
    client = await (worker.connect() if dialect == "plain" else connect_signalr(worker))
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})
    with pytest.raises(CallRefused, match="unknown_target: this room has no SFU"):  # it could be read
        await client.call("SetView", {"videos": [{"userId": new_uuid(), "maxHeight": 720.0}]})
    await client.call("KeepAlive", {"received": 0.0})
    with pytest.raises(CallRefused, match=r"\bvideos\[0\].maxHeight: "):
        await client.call("SetView", {"videos": [{"userId": new_uuid(), "maxHeight": 720.5}]})
    with pytest.raises(CallRefused, match=r"\binvalid: text: "):
        await client.call("SendChat", {"text": "\ud83d"})
    send = client.socket.send

    async def with_infinity(text: str) -> None:
        await send(text.replace("Infinity", "1e999"))

    client.socket.send = with_infinity  # type: ignore[method-assign, assignment]
    with pytest.raises(CallRefused, match=r"\binvalid: candidate: "):
        await client.call("SendIceCandidate", {"targetUserId": "sfu", "candidate": {"sdpMLineIndex": math.inf}})
    with pytest.raises(CallRefused, match=r"\binvalid: received: "):
        await client.call("KeepAlive", {"received": math.inf})


async def test_more_calls_than_allowed(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, calls_per_second=0, burst=5))
    ann, _ = await fleet.join(worker, await fleet.room())
    for number in range(10):
        await ann.post("UpdateState", {"isMuted": True}, id=number)
    frames = [await ann.frame(lambda f, n=n: f.get("replyTo") == n and f is not ann.frames[0]) for n in range(2, 10)]
    assert [f["error"]["code"] for f in frames if "error" in f] == ["rate_limited"] * 6


async def test_ten_seconds_of_it_close(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, calls_per_second=1, burst=5, limited_for=0.3))
    ann, _ = await fleet.join(worker, await fleet.room())
    with pytest.raises((ConnectionClosed, AssertionError)):  # whichever side notices first
        for number in itertools.count(100):
            await ann.post("UpdateState", {"isMuted": True}, id=number)
            await ann.frame(lambda f, n=number: f.get("replyTo") == n)
    assert await ann.closed() == 1008


async def test_garbage_counts_as_calls(fleet: Fleet) -> None:
    worker = await fleet.worker(replace(SETTINGS, calls_per_second=0, burst=5))
    client = await worker.connect()
    for _ in range(10):
        await client.send("garbage")
    await client.frame(lambda f: "error" in f and f["error"]["code"] == "rate_limited")


async def test_the_contracts_rate() -> None:
    assert (SETTINGS.calls_per_second, SETTINGS.burst, SETTINGS.limited_for) == (100, 500, 10)


async def test_other_paths_are_not_found(worker: Worker) -> None:
    for path in ("/", "/wss", "/ws/", "/v1/rooms"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(worker.url + path)
        assert refused.value.response.status_code == 404


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://app.example.org", True),
        ("https://APP.example.org", True),
        ("https://evil.example.org", False),
        ("http://app.example.org", False),
        ("null", False),
        ("own", True),
    ],
)
async def test_origins(fleet: Fleet, origin: str | None, allowed: bool) -> None:
    worker = await fleet.worker(origins=("https://app.example.org",))
    origin = worker.url.replace("ws", "http") if origin == "own" else origin
    if allowed:
        await connect(worker.url + "/ws", origin=origin)  # type: ignore[arg-type]
        return
    with pytest.raises(InvalidStatus) as refused:
        await connect(worker.url + "/ws", origin=origin)  # type: ignore[arg-type]
    assert refused.value.response.status_code == 403


async def test_any_origin_in_development(fleet: Fleet) -> None:
    worker = await fleet.worker(origins=("*",))
    await connect(worker.url + "/ws", origin="https://anywhere.example.org")  # type: ignore[arg-type]


async def test_an_upgrade_that_is_none_is_refused_in_words_of_ours(worker: Worker) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{worker.url.replace('ws', 'http', 1)}/ws", headers=headers)
    assert (answer.status_code, answer.text) == (400, "this is no opening handshake of a WebSocket")
