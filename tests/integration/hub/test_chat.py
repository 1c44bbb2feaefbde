"""Chat that is kept for those who come later, private messages, reactions: on one worker and across two."""

from __future__ import annotations

from typing import Any

import pytest

from tertulia.ids import RoomId, new_uuid
from tertulia.state import keys
from tests.integration.hub.harness import Fleet, PlainClient, Worker
from tests.integration.hub.signalr import connect_signalr


async def history(client: PlainClient) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = (await client.call("ReadChat"))["messages"]
    return messages


@pytest.fixture(params=["one worker", "two workers"])
async def second(request: pytest.FixtureRequest, fleet: Fleet, worker: Worker) -> Worker:
    """Where those are who come later."""
    return worker if request.param == "one worker" else await fleet.worker()


async def test_who_comes_later_reads_what_was_said(fleet: Fleet, worker: Worker, second: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    assert await history(ann) == []
    for text in ("one", 'two "/" \\ 🎈', "three"):
        await ann.call("SendChat", {"text": text})
    heard = [await ann.event("ChatMessage", text=text) for text in ("one", 'two "/" \\ 🎈', "three")]
    bob, _ = await fleet.join(second, room, name="Bob")
    assert await history(bob) == heard
    assert all(message["userId"] == ann_id for message in heard)


async def test_a_private_message_is_for_the_two(fleet: Fleet, worker: Worker, second: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(second, room, name="Bob")
    eve, _ = await fleet.join(second, room, name="Eve")
    await ann.event("ParticipantJoined", userId=bob_id)
    await ann.call("SendChat", {"text": "psst", "targetUserId": bob_id})
    message = await bob.event("ChatMessage", text="psst")
    assert await history(ann) == await history(bob) == [message]
    assert await history(eve) == []
    react = {"messageId": message["id"], "emoji": "👍"}
    assert await eve.refused("ReactToMessage", react) == "not_found"
    await bob.call("ReactToMessage", react)
    for client in (ann, bob):
        assert await client.event("MessageReaction") == {**react, "userId": bob_id}
    await bob.call("SendChat", {"text": "end"})
    await eve.event("ChatMessage", text="end")
    assert eve.named("MessageReaction") == []
    again, _ = await fleet.join(worker, room, ann_id)
    assert [m["text"] for m in await history(again)] == ["psst", "end"]


async def test_a_reaction_takes_the_place_of_the_last_one(fleet: Fleet, worker: Worker, second: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, bob_id = await fleet.join(second, room, name="Bob")
    await ann.event("ParticipantJoined", userId=bob_id)
    await ann.call("SendChat", {"text": "cake?"})
    message = (await bob.event("ChatMessage"))["id"]
    for client, emoji in ((bob, "👍"), (ann, "🎉"), (bob, "❤️"), (bob, "❤️")):
        await client.call("ReactToMessage", {"messageId": message, "emoji": emoji})
    await ann.event("MessageReaction", emoji="❤️")
    assert [m["reactions"] for m in await history(ann)] == [{ann_id: "🎉", bob_id: "❤️"}]
    await bob.call("ReactToMessage", {"messageId": message})
    await ann.call("ReactToMessage", {"messageId": message, "emoji": None})
    for client in (ann, bob):
        for user in (ann_id, bob_id):
            await client.event("MessageReaction", userId=user, emoji=None)
        assert len(client.named("MessageReaction")) == 5  # the same one again is told to nobody
    assert "reactions" not in (await history(ann))[0]
    for wrong, code in (
        ({"messageId": "nothing", "emoji": "👍"}, "not_found"),
        ({"messageId": message, "emoji": "x"}, "invalid"),
    ):
        assert await bob.refused("ReactToMessage", wrong) == code


async def test_a_floating_reaction_is_told_and_not_kept(fleet: Fleet, worker: Worker, second: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    bob, _ = await fleet.join(second, room, name="Bob")
    await ann.event("ParticipantJoined")
    await ann.call("SendReaction", {"emoji": "👏"})
    for client in (ann, bob):
        assert await client.event("Reaction") == {"userId": ann_id, "emoji": "👏"}
    assert await history(bob) == []
    assert await ann.refused("SendReaction", {"emoji": "hello"}) == "invalid"


async def test_it_survives_the_death_of_its_hub_and_not_the_meeting(fleet: Fleet, worker: Worker) -> None:
    second, room = await fleet.worker(), await fleet.room()
    ann, _ = await fleet.join(second, room)
    bob, _ = await fleet.join(worker, room, name="Bob")
    await ann.event("ParticipantJoined")
    await ann.call("SendChat", {"text": "kept"})
    await bob.event("ChatMessage")
    await history(ann)  # and so it has been kept
    await second.die()
    late, _ = await fleet.join(worker, room, name="Late")
    assert [m["text"] for m in await history(late)] == ["kept"]
    host, _ = await fleet.join(worker, room, role="host", name="Host")
    await host.call("EndRoom")
    assert await fleet.redis.call(keys.chat(RoomId(room)), b"EXISTS", keys.chat(RoomId(room))) == 0
    anew, _ = await fleet.join(worker, room)
    assert await history(anew) == []


async def test_signalr_clients_read_it_too(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room)
    await ann.call("SendChat", {"text": "hello"})
    client = await connect_signalr(worker)
    await client.call("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid(), "attendee", "Sig")})
    [message] = await history(client)
    assert (message["text"], message["userId"]) == ("hello", ann_id)
    await client.call("ReactToMessage", {"messageId": message["id"], "emoji": "😂"})
    assert (await ann.event("MessageReaction"))["emoji"] == "😂"
