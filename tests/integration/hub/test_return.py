"""Coming back: to the seat with a resume token, or as the same user on another connection. On one worker or two."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.ids import new_uuid
from tertulia.room import journal
from tests.integration.hub.harness import ANSWER, SETTINGS, Fleet, PlainClient, Worker


@pytest.fixture(params=["the same worker", "another worker"])
async def there(request: pytest.FixtureRequest, fleet: Fleet, worker: Worker) -> Worker:
    """The worker to which the client comes back."""
    return worker if request.param == "the same worker" else await fleet.worker()


async def _lost(fleet: Fleet, worker: Worker) -> tuple[str, PlainClient, str, PlainClient, str]:
    """A room with ann, who watches, and bob, whose connection is lost."""
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room, name="Ann", role="host")
    bob, bob_id = await fleet.join(worker, room, name="Bob", isMuted=True)
    await bob.call("UpdateState", {"isVideoOn": True})
    await bob.call("KeepAlive")  # he was heard of since the last event
    await bob.cut()
    await ann.event("ConnectionLost")
    return room, ann, ann_id, bob, bob_id


async def test_state_and_joined_at_are_kept_and_the_others_see_nothing(
    fleet: Fleet, worker: Worker, there: Worker
) -> None:
    room, ann, _, bob, user = await _lost(fleet, worker)
    before = (await fleet.members(room))[user]
    token = bob.result["resumeToken"]
    back, _ = await fleet.join(there, room, user, name="Other", resumeToken=token, isMuted=False, isVideoOn=False)
    after = (await fleet.members(room))[user]
    for field in ("isMuted", "isVideoOn", "joinedAt", "seat", "displayName"):
        assert after[field] == before[field]
    assert after["connectionId"] != before["connectionId"]
    assert (await fleet.hash(room))["participantCount"] == "2"
    assert back.result["resumeToken"] != token
    assert "missed" not in back.result
    await back.call("SendChat", {"text": "end"})
    await ann.event("ChatMessage", text="end")
    seen = [name for name, _ in ann.events if name not in ("ConnectionLost", "ConnectionBack", "ChatMessage")]
    assert seen == ["ParticipantJoined", "StateChanged"]


async def test_what_was_missed_is_delivered_in_order(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room, ann, ann_id, bob, user = await _lost(fleet, worker)
    third = await fleet.worker()
    eve, eve_id = await fleet.join(third, room, name="Eve")
    for number in range(40):
        await (ann if number % 2 else eve).call("SendChat", {"text": str(number)})
    await ann.call("SendIceCandidate", {"targetUserId": user, "candidate": "candidate:1"})
    await eve.call("LeaveRoom")
    await ann.event("ParticipantLeft")
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"])
    await ann.call("SendChat", {"text": "end"})
    await back.event("ChatMessage", text="end")
    assert "missed" not in back.result
    by_ann = [p.get("text") or p.get("candidate") for _, p in back.events if ann_id in p.values()]
    assert by_ann == [*(str(n) for n in range(1, 40, 2)), "candidate:1", "end"]  # the events of one sender are in order
    by_eve = [p.get("text") or name for name, p in back.events if eve_id in p.values()]
    assert by_eve == ["ParticipantJoined", *(str(n) for n in range(0, 40, 2)), "ParticipantLeft"]
    assert back.named("ParticipantLeft") == [{"userId": eve_id, "reason": "left"}]


async def test_nobody_knows_whether_what_was_sent_last_arrived(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    await bob.call("KeepAlive")
    await ann.call("SendChat", {"text": "into a socket that breaks"})
    await bob.cut()
    await ann.event("ConnectionLost")
    await ann.call("SendChat", {"text": "kept for him"})
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"])
    assert back.result["missed"] is True
    assert (await back.event("ChatMessage"))["text"] == "kept for him"


async def test_who_says_what_came_gets_exactly_the_rest(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    for text in ("one", "two"):
        await ann.call("SendChat", {"text": text})
        await bob.event("ChatMessage", text=text)
    await bob.call("KeepAlive", {"received": 1})
    assert await bob.refused("KeepAlive", {"received": 3}) == "invalid"
    assert await bob.refused("KeepAlive", {"received": -1}) == "invalid"
    received = bob.received
    bob.socket.transport.pause_reading()  # what comes now is on its way, and never arrives
    await ann.call("SendChat", {"text": "three"})
    await bob.cut()
    await ann.event("ConnectionLost")
    await ann.call("SendChat", {"text": "four"})
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"], received=received)
    await ann.call("SendChat", {"text": "end"})
    await back.event("ChatMessage", text="end")
    assert [p["text"] for p in back.named("ChatMessage")] == ["three", "four", "end"]
    assert "missed" not in back.result


async def test_nothing_is_lost_or_doubled_while_the_room_talks_on(fleet: Fleet, worker: Worker, there: Worker) -> None:
    """Chat goes on from three workers while the seat moves from one connection to the next, six times; what is on its
    way to a connection when that breaks is not read any more."""
    third = await fleet.worker()
    room = await fleet.room()
    talkers = [(await fleet.join(w, room))[0] for w in (worker, there, third)]
    bob, user = await fleet.join(worker, room)
    heard: list[str] = []

    async def talk(talker: PlainClient, number: int) -> None:
        for i in range(60):
            await talker.call("SendChat", {"text": f"{number}:{i}"})

    talking = asyncio.gather(*(talk(t, n) for n, t in enumerate(talkers)))
    for turn, at in enumerate((there, worker, there, worker, worker, there)):
        seen = len(bob.named("ChatMessage"))
        await bob.frame(lambda f, b=bob, s=seen: len(b.named("ChatMessage")) > s or talking.done())
        if turn % 2:
            await bob.call("KeepAlive", {"received": bob.received})
        await bob.cut()
        heard += [p["text"] for p in bob.named("ChatMessage")]
        bob, _ = await fleet.join(at, room, user, resumeToken=bob.result["resumeToken"], received=bob.received)
        assert "missed" not in bob.result
    await talking
    for number, talker in enumerate(talkers):  # only the events of one sender are in order
        await talker.call("SendChat", {"text": f"{number}:60"})
        await bob.event("ChatMessage", text=f"{number}:60")
    heard += [p["text"] for p in bob.named("ChatMessage")]
    for number in range(3):
        assert [t for t in heard if t.startswith(f"{number}:")] == [f"{number}:{i}" for i in range(61)]


async def test_without_a_count_what_may_be_lost_is_said_while_the_room_talks_on(
    fleet: Fleet, worker: Worker, there: Worker
) -> None:
    """Chat goes on from three workers while the seat moves from one connection to the next, four times."""
    third = await fleet.worker()
    room = await fleet.room()
    talkers = [(await fleet.join(w, room))[0] for w in (worker, there, third)]
    bob, user = await fleet.join(worker, room)
    received: list[tuple[str, int]] = []
    """Each text, and by which of his connections it came."""
    flagged: set[int] = set()
    """The connections whose result said that something was missed."""

    async def talk(talker: PlainClient, number: int) -> None:
        for i in range(60):
            await talker.call("SendChat", {"text": f"{number}:{i}"})

    talking = asyncio.gather(*(talk(t, n) for n, t in enumerate(talkers)))
    for turn, at in enumerate((there, worker, there, worker)):
        seen = len(bob.named("ChatMessage"))
        await bob.frame(lambda f, b=bob, s=seen: len(b.named("ChatMessage")) > s or talking.done())
        if turn % 2:
            await bob.fence()  # what came until now is known to have arrived
        await bob.hang_up()
        received += [(p["text"], turn) for p in bob.named("ChatMessage")]
        bob, _ = await fleet.join(at, room, user, resumeToken=bob.result["resumeToken"])
        if "missed" in bob.result:
            flagged.add(turn + 1)
    await talking
    for number, talker in enumerate(talkers):  # only the events of one sender are in order
        await talker.call("SendChat", {"text": f"{number}:60"})
        await bob.event("ChatMessage", text=f"{number}:60")
    received += [(p["text"], 4) for p in bob.named("ChatMessage")]
    for number in range(3):
        mine = [(int(text.split(":")[1]), at) for text, at in received if text.startswith(f"{number}:")]
        for (before, lost), (after, back) in itertools.pairwise([(-1, 0), *mine]):
            # What was written to a socket as it broke may be lost with it, which the result of the return says.
            assert after == before + 1 or (after > before and flagged & set(range(lost + 1, back + 1)))


async def test_what_is_said_while_a_call_of_the_lost_connection_is_under_way(
    fleet: Fleet, worker: Worker, there: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    under_way, gate = asyncio.Event(), asyncio.Event()
    update = worker.rooms.update

    async def slow(*args: Any, **more: Any) -> Any:
        under_way.set()
        await gate.wait()
        return await update(*args, **more)

    monkeypatch.setattr(worker.rooms, "update", slow)
    await bob.post("UpdateState", {"isMuted": True})
    await under_way.wait()
    await bob.hang_up()
    await ann.call("SendChat", {"text": "are you there?"})
    gate.set()
    await ann.event("StateChanged", userId=user)
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"])
    await back.event("ChatMessage", text="are you there?")
    assert "missed" not in back.result
    assert [name for name, _ in back.events] == ["ChatMessage", "StateChanged"]


async def test_what_is_said_while_a_closed_socket_lingers_is_missed(
    fleet: Fleet, worker: Worker, there: Worker
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    bob.socket.transport.pause_reading()  # so that it neither hears the close frame nor ends the connection
    await bob.send(b"no binary here")
    await ann.fence()
    await ann.fence()  # what bob sent was here before this
    await ann.call("SendChat", {"text": "said to nobody"})
    await bob.cut()
    await ann.event("ConnectionLost")
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"])
    assert back.result["missed"] is True


async def test_nothing_said_to_a_closed_socket_is_nothing_missed(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(worker, room)
    await bob.send(b"no binary here")
    assert await bob.closed() == 1003
    await ann.event("ConnectionLost")
    await ann.call("SendChat", {"text": "kept"})
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"])
    assert "missed" not in back.result
    await back.event("ChatMessage", text="kept")


async def test_too_much_was_missed(
    fleet: Fleet, worker: Worker, there: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_EVENTS", 5)
    monkeypatch.setattr(journal, "SPARE_EVENTS", 1)
    room, ann, _, bob, user = await _lost(fleet, worker)
    for number in range(10):
        await ann.call("SendChat", {"text": str(number)})
    back, _ = await fleet.join(there, room, user, resumeToken=bob.result["resumeToken"])
    assert back.result["missed"] is True
    await ann.call("SendChat", {"text": "end"})
    await back.event("ChatMessage", text="end")
    assert [p["text"] for p in back.named("ChatMessage")] == ["5", "6", "7", "8", "9", "end"]


async def test_the_hub_that_kept_it_died(fleet: Fleet, worker: Worker) -> None:
    settings = replace(SETTINGS, handover=0.2)
    dying, living = await fleet.worker(settings), await fleet.worker(settings)
    room = await fleet.room()
    await fleet.join(living, room)
    bob, user = await fleet.join(dying, room)
    await bob.cut()
    await dying.die()
    back, _ = await fleet.join(living, room, user, resumeToken=bob.result["resumeToken"])
    assert back.result["missed"] is True
    assert len(back.result["participants"]) == 1


async def test_a_worker_that_stops_hands_over_what_its_clients_miss(fleet: Fleet, worker: Worker) -> None:
    stopping = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    bob, user = await fleet.join(stopping, room)
    await ann.event("ParticipantJoined", userId=user)
    bob.socket.transport.pause_reading()  # what comes now is on its way, and never arrives
    await ann.call("SendChat", {"text": "one"})
    stop = asyncio.create_task(stopping.hub.stop(hand_over_within=ANSWER))
    await bob.cut()
    await ann.event("ConnectionLost", userId=user)
    await ann.call("SendChat", {"text": "two"})
    back, _ = await fleet.join(worker, room, user, resumeToken=bob.result["resumeToken"], received=bob.received)
    await stop
    await ann.call("SendChat", {"text": "end"})
    await back.event("ChatMessage", text="end")
    assert [p["text"] for p in back.named("ChatMessage")] == ["one", "two", "end"]
    assert "missed" not in back.result


async def test_a_stale_resume_token_is_an_ordinary_join(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room, ann, _, bob, user = await _lost(fleet, worker)
    seat = (await fleet.members(room))[user]["seat"]
    back, _ = await fleet.join(there, room, user, resumeToken="stale")  # the user is a member: a take-over
    assert back.result["missed"] is True
    assert (await fleet.members(room))[user]["seat"] != seat
    await back.call("LeaveRoom")
    await ann.event("ParticipantLeft")
    again, _ = await fleet.join(there, room, user, name="Bob again", resumeToken=bob.result["resumeToken"])
    assert (await ann.event("ParticipantJoined", displayName="Bob again"))["isMuted"] is False
    assert "missed" not in again.result


async def test_a_resume_token_is_good_once(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room, _, _, bob, user = await _lost(fleet, worker)
    token = bob.result["resumeToken"]
    back, _ = await fleet.join(there, room, user, resumeToken=token)
    seat = (await fleet.members(room))[user]["seat"]
    again, _ = await fleet.join(there, room, user, resumeToken=token)  # as if the first result had been lost
    assert again.result["missed"] is True
    assert (await fleet.members(room))[user]["seat"] != seat
    assert await back.closed() == 4001


async def test_returning_while_the_old_socket_seems_to_live(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    old, user = await fleet.join(worker, room)
    await ann.call("SendChat", {"text": "said to the old socket"})
    back, _ = await fleet.join(there, room, user, resumeToken=old.result["resumeToken"])
    assert back.result["missed"] is True  # nobody knows whether the old socket's client got it
    assert await old.closed() == 4001
    await ann.fence()
    assert [name for name, _ in ann.events] == ["ParticipantJoined", "ChatMessage"]


async def test_the_same_user_again_takes_the_seat(fleet: Fleet, worker: Worker, there: Worker) -> None:
    room = await fleet.room()
    ann, ann_id = await fleet.join(worker, room, name="Ann")
    first, user = await fleet.join(worker, room, isMuted=True, isVideoOn=True)
    before = (await fleet.members(room))[user]
    second, _ = await fleet.join(there, room, user, isMuted=False)
    assert await first.event("Replaced") == {}
    assert await first.closed() == 4001
    after = (await fleet.members(room))[user]
    for field in ("isMuted", "isVideoOn", "joinedAt"):
        assert after[field] == before[field]
    assert after["connectionId"] != before["connectionId"]
    assert (await fleet.hash(room))["participantCount"] == "2"
    await ann.call("SendOffer", {"targetUserId": user, "sdp": "v=0"})
    await second.event("ReceiveOffer")
    assert [name for name, _ in ann.events] == ["ParticipantJoined"]
    assert [p["userId"] for p in second.result["participants"]] == [ann_id]


async def test_many_connections_of_one_user_leave_one_member(fleet: Fleet, worker: Worker) -> None:
    second = await fleet.worker()
    room, user = await fleet.room(), new_uuid()
    ann, _ = await fleet.join(worker, room)
    clients = await asyncio.gather(*(fleet.join((worker, second)[i % 2], room, user) for i in range(10)))
    ends = [asyncio.create_task(client.closed()) for client, _ in clients]
    for end in itertools.islice(asyncio.as_completed(ends), len(clients) - 1):
        assert await end == 4001
    (last,) = (end for end in ends if not end.done())
    survivor, _ = clients[ends.index(last)]
    assert await survivor.call("KeepAlive") == {}
    last.cancel()
    assert (await fleet.hash(room))["participantCount"] == "2"
    await ann.fence()
    assert [name for name, _ in ann.events] == ["ParticipantJoined"]
