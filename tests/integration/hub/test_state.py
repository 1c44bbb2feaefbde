"""UpdateState, raised hands, chat, what the host may do."""

from __future__ import annotations

from typing import Any

import pytest

from tertulia.errors import NotJoined
from tertulia.ids import ConnectionId, RoomId, UserId, new_uuid
from tests.integration import servers
from tests.integration.hub.harness import Fleet, PlainClient, Worker


class Three:
    """A host, an attendee, and somebody perhaps on another worker."""

    def __init__(
        self, room: str, host: tuple[PlainClient, str], ann: tuple[PlainClient, str], bob: tuple[PlainClient, str]
    ) -> None:
        self.room = room
        self.host, self.host_id = host
        self.ann, self.ann_id = ann
        self.bob, self.bob_id = bob

    @property
    def all(self) -> list[PlainClient]:
        return [self.host, self.ann, self.bob]


@pytest.fixture(params=["one worker", "two workers"])
async def three(request: pytest.FixtureRequest, fleet: Fleet, worker: Worker) -> Three:
    second = worker if request.param == "one worker" else await fleet.worker()
    host = new_uuid()
    room = await fleet.room(host)
    made = Three(
        room,
        await fleet.join(worker, room, host, role="host", name="Host"),
        await fleet.join(worker, room, name="Ann"),
        await fleet.join(second, room, name="Bob"),
    )
    for client in (made.host, made.ann):
        await client.event("ParticipantJoined", userId=made.bob_id)
    return made


@pytest.mark.parametrize(
    ("payload", "state"),
    [
        ({"isMuted": True}, (True, False)),
        ({"isVideoOn": True}, (False, True)),
        ({"isMuted": True, "isVideoOn": True}, (True, True)),
        ({"isMuted": None, "isVideoOn": True}, (False, True)),
    ],
)
async def test_a_change_is_in_redis_and_shown_to_all(
    fleet: Fleet, three: Three, payload: dict[str, Any], state: tuple[bool, bool]
) -> None:
    assert await three.ann.call("UpdateState", payload) == {}
    for client in three.all:
        shown = await client.event("StateChanged")
        assert shown == {"userId": three.ann_id, "isMuted": state[0], "isVideoOn": state[1]}
    member = (await fleet.members(three.room))[three.ann_id]
    assert (member["isMuted"], member["isVideoOn"]) == state


@pytest.mark.parametrize(
    "payload", [{}, {"isMuted": None, "isVideoOn": None}, {"isMuted": False}, {"isVideoOn": False}]
)
async def test_what_changes_nothing_is_not_shown(three: Three, payload: dict[str, Any]) -> None:
    assert await three.ann.call("UpdateState", payload) == {}
    await three.ann.call("SendChat", {"text": "end"})
    for client in three.all:
        await client.event("ChatMessage")
        assert client.named("StateChanged") == []


async def test_an_update_of_a_replaced_connection_changes_nothing(fleet: Fleet, worker: Worker, three: Three) -> None:
    old = ConnectionId((await fleet.members(three.room))[three.ann_id]["connectionId"])
    incarnation = (await fleet.hash(three.room))["incarnation"]
    await fleet.join(worker, three.room, three.ann_id)
    with pytest.raises(NotJoined):
        await fleet.state.update(RoomId(three.room), UserId(three.ann_id), old, incarnation, is_muted=True)
    assert (await fleet.members(three.room))[three.ann_id]["isMuted"] is False


async def test_hands(fleet: Fleet, worker: Worker, three: Three) -> None:
    for raised in (True, True, False):
        assert await three.bob.call("RaiseHand", {"raised": raised}) == {}
        if raised:
            for client in three.all:
                await client.event("HandRaised", raised=True)
            late, _ = await fleet.join(worker, three.room)
            hands = {p["userId"]: p["handRaised"] for p in late.result["participants"]}
            assert hands[three.bob_id] is True
            await late.call("LeaveRoom")
    for client in three.all:
        await client.event("HandRaised", raised=False)
        assert client.named("HandRaised") == [
            {"userId": three.bob_id, "raised": True},
            {"userId": three.bob_id, "raised": False},
        ]


async def test_a_hand_that_was_lowered_stays_down_and_a_new_seat_begins_with_it(fleet: Fleet, worker: Worker) -> None:
    host_id = new_uuid()
    room = await fleet.room(host_id)
    host, _ = await fleet.join(worker, room, host_id, role="host")
    ann, ann_id = await fleet.join(worker, room, handRaised=True)
    assert (await host.event("ParticipantJoined", userId=ann_id))["handRaised"] is True
    assert ann.result["handRaised"] is True
    await host.call("LowerHand", {"targetUserId": ann_id})
    resumed, _ = await fleet.join(worker, room, ann_id, handRaised=True, resumeToken=ann.result["resumeToken"])
    taken, _ = await fleet.join(worker, room, ann_id, handRaised=True)
    for client in (resumed, taken):
        assert "handRaised" not in client.result
    assert await taken.call("RaiseHand", {"raised": True}) == {}
    again, _ = await fleet.join(worker, room, ann_id)
    assert again.result["handRaised"] is True


async def test_names(fleet: Fleet, worker: Worker, three: Three) -> None:
    await three.bob.call("SendChat", {"text": "before"})
    for _ in range(2):
        assert await three.bob.call("SetDisplayName", {"displayName": "Röb / \U0001f600"}) == {}
    await three.bob.call("SendChat", {"text": "after"})
    named = {"userId": three.bob_id, "displayName": "Röb / \U0001f600"}
    for client in three.all:
        await client.event("ChatMessage", text="after", displayName=named["displayName"])
        assert client.named("DisplayNameChanged") == [named]
        assert [m["displayName"] for m in client.named("ChatMessage")] == ["Bob", named["displayName"]]
    late, _ = await fleet.join(worker, three.room)
    assert {p["userId"]: p["displayName"] for p in late.result["participants"]}[three.bob_id] == named["displayName"]
    for wrong in ("", "x" * 101, "a\0"):
        assert await three.bob.refused("SetDisplayName", {"displayName": wrong}) == "invalid"


async def test_a_name_survives_a_return_and_the_loss_of_redis(fleet: Fleet, worker: Worker, three: Three) -> None:
    await three.bob.call("SetDisplayName", {"displayName": "Rob"})
    servers.flush(fleet.redis_url)
    await three.bob.call("KeepAlive")
    assert (await fleet.members(three.room))[three.bob_id]["displayName"] == "Rob"
    second = await fleet.worker()
    again, _ = await fleet.join(second, three.room, three.bob_id, name="Bob")
    assert again.result["displayName"] == "Rob"
    assert (await fleet.members(three.room))[three.bob_id]["displayName"] == "Rob"


async def test_chat_to_everyone(three: Three) -> None:
    await three.bob.call("SendChat", {"text": "hëllo \U0001f600"})
    seen = [await client.event("ChatMessage") for client in three.all]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].keys() == {"id", "userId", "displayName", "text", "sentAt"}
    assert (seen[0]["userId"], seen[0]["displayName"], seen[0]["text"]) == (three.bob_id, "Bob", "hëllo \U0001f600")


async def test_chat_to_one(three: Three) -> None:
    await three.bob.call("SendChat", {"text": "psst", "targetUserId": three.host_id})
    for client in (three.bob, three.host):
        message = await client.event("ChatMessage")
        assert (message["private"], message["targetUserId"], message["text"]) == (True, three.host_id, "psst")
    await three.bob.call("SendChat", {"text": "end"})
    assert [m["text"] for m in (await three.ann.event("ChatMessage"),)] == ["end"]
    for nobody in (new_uuid(), three.bob_id, "sfu"):
        assert await three.bob.refused("SendChat", {"text": "x", "targetUserId": nobody}) == "unknown_target"


@pytest.mark.parametrize("call", ["AskToMute", "MuteAll", "RemoveParticipant", "EndRoom"])
async def test_only_a_host_may(fleet: Fleet, three: Three, call: str) -> None:
    before = await fleet.members(three.room)
    assert await three.ann.refused(call, {"targetUserId": three.bob_id}) == "forbidden"
    await three.ann.call("SendChat", {"text": "end"})
    await three.bob.event("ChatMessage")
    assert [name for name, _ in three.bob.events] == ["ChatMessage"]
    assert await fleet.members(three.room) == before


async def test_asking_to_mute(three: Three) -> None:
    await three.host.call("AskToMute", {"targetUserId": three.bob_id})
    assert await three.bob.event("MuteRequested") == {"byUserId": three.host_id}
    await three.host.call("MuteAll")
    assert await three.ann.event("MuteRequested") == {"byUserId": three.host_id}
    await three.host.fence()
    assert three.host.named("MuteRequested") == []
    for nobody in (new_uuid(), three.host_id):
        assert await three.host.refused("AskToMute", {"targetUserId": nobody}) == "unknown_target"


async def test_removing(fleet: Fleet, worker: Worker, three: Three) -> None:
    token = fleet.token(three.room, three.bob_id)
    assert await three.host.call("RemoveParticipant", {"targetUserId": three.bob_id}) == {}
    assert await three.bob.event("Removed") == {}
    assert await three.bob.closed() == 4003
    assert await three.ann.event("ParticipantLeft") == {"userId": three.bob_id, "reason": "removed"}
    assert (await fleet.hash(three.room))["participantCount"] == "2"
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": three.room, "token": token}) == "bad_token"
    for nobody in (three.bob_id, three.host_id):
        assert await three.host.refused("RemoveParticipant", {"targetUserId": nobody}) == "unknown_target"


async def test_ending(fleet: Fleet, three: Three) -> None:
    assert await three.host.call("EndRoom") == {}
    for client in three.all:
        assert await client.event("RoomEnded") == {"reason": "host"}
        assert await client.closed() == 4000
        assert client.named("ParticipantLeft") == []
    assert await fleet.hash(three.room) == {}
    assert await fleet.members(three.room) == {}
