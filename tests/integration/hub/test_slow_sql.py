"""Joins while the database is slow or away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

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
from tests.integration.hub.harness import Fleet, Worker

SLOW = 1.5
"""Seconds: slow, but not yet away."""


def slow_down(fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
    record = fleet.admissions.record

    async def slow(*asked: Any) -> Record:
        await asyncio.sleep(SLOW)
        return await record(*asked)

    patch.setattr(fleet.admissions, "record", slow)


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
    slow_down(fleet, monkeypatch)
    began = time.monotonic()
    await fleet.join(worker, room)
    assert time.monotonic() - began < SLOW
    await asyncio.sleep(SLOW)  # it has answered
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
