"""Offers, answers and candidates between members, in either topology, on one worker or two."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tertulia.ids import new_uuid
from tests.integration.hub.harness import Fleet, PlainClient, Worker

SDP = 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=note:ünïcode \U0001f600 "quoted" \\ / \x7f\r\n'


class Pair(NamedTuple):
    ann: PlainClient
    ann_id: str
    bob: PlainClient
    bob_id: str


@pytest.fixture(params=["one worker", "two workers"])
async def pair(request: pytest.FixtureRequest, fleet: Fleet, worker: Worker) -> Pair:
    second = worker if request.param == "one worker" else await fleet.worker()
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(second, room)
    await ann.event("ParticipantJoined")
    return Pair(ann, ann_id, bob, bob_id)


@pytest.mark.parametrize(("call", "event"), [("SendOffer", "ReceiveOffer"), ("SendAnswer", "ReceiveAnswer")])
async def test_sdp_is_forwarded_unchanged(pair: Pair, call: str, event: str) -> None:
    sdp = SDP + "a=x\r\n" * 2000
    assert await pair.ann.call(call, {"targetUserId": pair.bob_id.upper(), "sdp": sdp}) == {}
    assert await pair.bob.event(event) == {"sourceUserId": pair.ann_id, "sdp": sdp}
    await pair.ann.fence()
    assert pair.ann.named(event) == []


@pytest.mark.parametrize(
    ("sent", "delivered"),
    [
        ("candidate:1 1 udp 1 127.0.0.1 1 typ host", "candidate:1 1 udp 1 127.0.0.1 1 typ host"),
        ({"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": None, "x": [1.5]},) * 2,
        ({"candidate": ""},) * 2,
        ({},) * 2,
        ("", ""),
        (None, ""),
    ],
)
async def test_candidates_are_delivered_as_sent(pair: Pair, sent: Any, delivered: Any) -> None:
    assert await pair.ann.call("SendIceCandidate", {"targetUserId": pair.bob_id, "candidate": sent}) == {}
    assert await pair.bob.event("IceCandidate") == {"sourceUserId": pair.ann_id, "candidate": delivered}


async def test_events_of_one_sender_arrive_in_order(pair: Pair) -> None:
    for number in range(150):
        await pair.ann.post("SendIceCandidate", {"targetUserId": pair.bob_id, "candidate": f"candidate:{number}"})
        if number % 10 == 0:
            await pair.ann.post("UpdateState", {"isMuted": number % 20 == 0})
            await pair.ann.post("SendChat", {"text": str(number)})
    await pair.ann.post("SendChat", {"text": "end"})
    await pair.bob.event("ChatMessage", text="end")
    received = [
        p.get("candidate") or p.get("text") or f"muted {p['isMuted']}"
        for name, p in pair.bob.events
        if name != "ParticipantJoined"
    ]
    expected: list[str] = []
    for number in range(150):
        expected.append(f"candidate:{number}")
        if number % 10 == 0:
            expected += [f"muted {number % 20 == 0}", str(number)]
    assert received == [*expected, "end"]


@pytest.mark.parametrize("call", ["SendOffer", "SendAnswer", "SendIceCandidate"])
async def test_targets_that_are_nobody_here(fleet: Fleet, worker: Worker, pair: Pair, call: str) -> None:
    _, stranger = await fleet.join(worker, await fleet.room())
    for target in (stranger, new_uuid(), pair.ann_id, pair.ann_id.upper(), "sfu", "sfu_0123456789abcdef01234567", "x"):
        assert await pair.ann.refused(call, {"targetUserId": target, "sdp": "v=0", "candidate": ""}) == "unknown_target"
    await pair.bob.call("LeaveRoom")
    await pair.ann.event("ParticipantLeft")
    gone = {"targetUserId": pair.bob_id, "sdp": "v=0", "candidate": ""}
    assert await pair.ann.refused(call, gone) == "unknown_target"


@pytest.mark.parametrize("sdp", ["", "hello", "o=-\r\nv=0", " v=0", "V=0", '{"type": "offer"}'])
@pytest.mark.parametrize("call", ["SendOffer", "SendAnswer"])
async def test_what_cannot_be_sdp(pair: Pair, call: str, sdp: str) -> None:
    assert await pair.ann.refused(call, {"targetUserId": pair.bob_id, "sdp": sdp}) == "invalid_sdp"
    await pair.bob.fence()
    assert pair.bob.events == []


async def test_members_of_an_sfu_room_reach_each_other_too(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room(topology="sfu")
    ann, ann_id = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(worker, room)
    await ann.call("SendOffer", {"targetUserId": bob_id, "sdp": "v=0"})
    assert await bob.event("ReceiveOffer") == {"sourceUserId": ann_id, "sdp": "v=0"}
