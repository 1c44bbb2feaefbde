"""JoinRoom."""

from __future__ import annotations

from tests.integration.hub.harness import Fleet, Worker


async def test_two_see_each_other(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room, name="Ann")
    bob, bob_id = await fleet.join(worker, room, name="Bob")
    assert ann.result["participants"] == []
    assert [p["userId"] for p in bob.result["participants"]] == [ann_id]
    assert (await ann.event("ParticipantJoined"))["displayName"] == "Bob"
    await bob.call("SendOffer", {"targetUserId": ann_id, "sdp": "v=0\r\n"})
    assert await ann.event("ReceiveOffer") == {"sourceUserId": bob_id, "sdp": "v=0\r\n"}
    await bob.call("LeaveRoom")
    assert await ann.event("ParticipantLeft") == {"userId": bob_id, "reason": "left"}
