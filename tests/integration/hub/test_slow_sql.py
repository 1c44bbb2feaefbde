"""Joins while the database is slow or away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia import times
from tertulia.contract.settings import SettingsChange
from tertulia.db.admissions import Record
from tertulia.db.models import Invite
from tertulia.errors import Unavailable
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room import messages
from tertulia.room.messages import SettingsMessage
from tertulia.state import keys
from tertulia.tokens import Admission, InviteClaims
from tests.integration.hub.harness import SETTINGS, Fleet, Worker

SLOW = 1.5
"""Seconds: slow, but not yet away."""


def slow_down(fleet: Fleet, patch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when it has answered."""
    record, answered = fleet.admissions.record, asyncio.Event()

    async def slow(*asked: Any) -> Record:
        await asyncio.sleep(SLOW)
        found = await record(*asked)
        answered.set()
        return found

    patch.setattr(fleet.admissions, "record", slow)
    return answered


async def hang(*asked: Any) -> Record:
    await asyncio.Event().wait()
    raise AssertionError


async def away(*asked: Any) -> Record:
    raise Unavailable("the database does not answer")


async def guest(fleet: Fleet, room: str) -> tuple[UserId, str]:
    """A user whom an invite has made, and their token."""
    now, tenant, user = times.from_seconds(time.time()), TenantId(fleet.tenant), UserId(new_uuid())
    invite = Invite(
        id=new_uuid(),
        room_id=RoomId(room),
        role="attendee",
        made_by=None,
        maker_admitted_at=None,
        key_id=None,
        created_at=now,
        expires_at=times.from_seconds(time.time() + 3600),
        max_uses=None,
        uses=0,
        revoked_at=None,
        code_hash=None,
        password_hash=None,
    )
    await fleet.invites.create(invite)
    claims = InviteClaims(invite.id, invite.room_id, invite.role, tenant, int(time.time()) + 3600)
    await fleet.invites.use(claims, new_uuid(), user, "Guest", now)
    return user, fleet.token(room, user, admission=Admission(int(time.time() * 1000), is_guest=True))


async def test_a_slow_database_lets_nobody_in_who_is_banned(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    banned, token = await guest(fleet, room)
    await fleet.invites.ban(TenantId(fleet.tenant), banned, times.from_seconds(time.time()))
    slow_down(fleet, monkeypatch)
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"
    await ann.cut()
    began = time.monotonic()
    back, _ = await fleet.join(worker, room, user, resumeToken=ann.result["resumeToken"], received=0)
    assert time.monotonic() - began < SLOW, "who has a seat does not wait for it"
    assert "missed" not in back.result
    # What is known to be void stays so while the database is away.
    monkeypatch.setattr(fleet.admissions, "record", away)
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"
    await fleet.join(worker, room)


async def test_changed_settings_are_waited_for(fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    await fleet.directory.change_settings(None, RoomId(room), SettingsChange(locked=True))
    slow_down(fleet, monkeypatch)
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}) == "room_locked"
    # Another worker has changed them, and says so.
    await fleet.directory.change_settings(None, RoomId(room), SettingsChange(locked=False, chat="host"))
    message = messages.encode(SettingsMessage(origin="another"))
    fleet.channels.publish(keys.room_events(RoomId(room)), message)
    await ann.event("SettingsChanged", settings=ann.result["settings"] | {"chat": "host"})


async def test_a_database_that_was_found_to_be_away_is_not_waited_for(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    await fleet.join(worker, room)
    monkeypatch.setattr(fleet.admissions, "record", away)
    await fleet.join(worker, room)
    monkeypatch.undo()
    answered = slow_down(fleet, monkeypatch)
    began = time.monotonic()
    await fleet.join(worker, room)
    assert time.monotonic() - began < 0.4
    await asyncio.wait_for(answered.wait(), 2 * SLOW)
    began = time.monotonic()
    await fleet.join(worker, room)
    assert time.monotonic() - began > SLOW


async def test_a_database_that_hangs_keeps_nobody_from_a_running_meeting(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    await fleet.join(worker, room)
    monkeypatch.setattr(fleet.admissions, "record", hang)
    began = time.monotonic()

    async def come(after: float) -> float:
        await asyncio.sleep(after)
        await fleet.join(worker, room)
        return time.monotonic() - began

    assert max(await asyncio.gather(come(0), come(1))) < 3
    began = time.monotonic()
    await come(0)
    assert time.monotonic() - began < 1, "it is known to be away"


def stop_sql(fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fleet.admissions, "record", hang)
    patch.setattr(fleet.directory, "open_session", hang)


async def test_a_worker_that_does_not_know_the_room_takes_back_who_has_a_seat(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room(mute_on_entry=True)
    ann, user = await fleet.join(worker, room, isMuted=False)
    bob, other_user = await fleet.join(worker, room)
    stop_sql(fleet, monkeypatch)
    await worker.die()
    other = await fleet.worker()
    began = time.monotonic()
    back, _ = await fleet.join(other, room, user, resumeToken=ann.result["resumeToken"])
    await fleet.join(other, room, other_user)
    assert time.monotonic() - began < 4
    assert back.result["settings"] == ann.result["settings"]
    assert await back.call("KeepAlive") == {}
    await bob.close()


async def test_a_worker_that_does_not_know_the_room_lets_in_by_what_redis_knows(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room(max_participants=2)
    _, user = await fleet.join(worker, room)
    other = await fleet.worker()
    changed = await fleet.directory.change_settings(None, RoomId(room), SettingsChange(chat="host"))
    await worker.hub.settings_changed(RoomId(room), changed.settings)
    removed, _ = await fleet.join(worker, room, gone := new_uuid())
    await worker.hub.remove_participant(RoomId(room), UserId(gone))
    await removed.closed()
    stop_sql(fleet, monkeypatch)
    client = await other.connect()
    token = fleet.token(room, gone, now=time.time() - 60)
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"
    began = time.monotonic()
    eve, _ = await fleet.join(other, room)
    assert time.monotonic() - began < 0.4, "SQL is known to be away"
    assert eve.result["settings"]["chat"] == "host", "as it was changed since"
    assert [p["userId"] for p in eve.result["participants"]] == [user]
    assert await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}) == "room_full"
    stranger = await fleet.another_tenant()
    monkeypatch.setattr(fleet, "tenant", stranger)
    monkeypatch.setattr(fleet.admissions, "record", away)
    assert await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())}) == "internal"


async def test_a_session_that_was_not_opened_is_opened_when_sql_is_back(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    [session] = await fleet.directory.sessions(RoomId(room))
    asked = asyncio.Event()
    open_session = fleet.directory.open_session

    async def opened(*given: Any) -> Any:
        found = await open_session(*given)
        asked.set()
        return found

    stop_sql(fleet, monkeypatch)
    other = await fleet.worker(replace(SETTINGS, keep_alive=1))
    await fleet.join(other, room, user, resumeToken=ann.result["resumeToken"])
    monkeypatch.undo()
    monkeypatch.setattr(fleet.directory, "open_session", opened)
    await asyncio.wait_for(asked.wait(), 10)
    assert await fleet.directory.sessions(RoomId(room)) == [session]


async def test_the_record_is_written_again_with_the_state(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room(chat="host")
    ann, _ = await fleet.join(worker, room)
    known = await fleet.state.record(RoomId(room))
    assert known is not None
    assert known.settings.chat == "host"
    await fleet.redis.call(keys.room(RoomId(room)), "DEL", *keys.room_keys(RoomId(room)))
    assert await fleet.state.record(RoomId(room)) is None
    await ann.call("KeepAlive")
    assert await fleet.state.record(RoomId(room)) == known
    await fleet.redis.call(
        keys.room(RoomId(room)), "HSET", keys.room(RoomId(room)), "record", '{"of": "another version"}'
    )
    assert await fleet.state.record(RoomId(room)) is None
