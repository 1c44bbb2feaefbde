"""Joins while the database is slow or away."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia import times
from tertulia.contract.settings import SettingsChange
from tertulia.db.admissions import Record
from tertulia.db.models import Invite
from tertulia.errors import Unavailable
from tertulia.hub import clock, steps
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room import messages
from tertulia.room.messages import SettingsMessage
from tertulia.room.quotas import Quotas
from tertulia.room.records import SharedRecord
from tertulia.state import keys
from tertulia.tokens import Admission, InviteClaims
from tests.integration.hub.harness import ANSWER, SETTINGS, Fleet, Worker

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


class Held:
    """Readings that begin, and are answered only once they are let go."""

    def __init__(self, fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        """Of those that have begun."""
        self._read = fleet.admissions.record
        self._began = asyncio.Semaphore(0)
        self._let_go = asyncio.Event()
        patch.setattr(fleet.admissions, "record", self._record)

    async def began(self) -> None:
        """One more has."""
        await asyncio.wait_for(self._began.acquire(), ANSWER)

    def let_go(self) -> None:
        """All are answered, and later ones at once."""
        self._let_go.set()

    async def _record(self, *asked: Any) -> Record:
        self.count += 1
        self._began.release()
        await self._let_go.wait()
        return await self._read(*asked)


async def away(*asked: Any) -> Record:
    raise Unavailable("the database does not answer")


async def kept(fleet: Fleet, room: str, **settings: str) -> None:
    """Wait until the record in Redis has these settings."""
    async with asyncio.timeout(ANSWER):
        while True:
            known = await fleet.state.record(RoomId(room))
            if known is not None and all(getattr(known.settings, k) == v for k, v in settings.items()):
                return
            await asyncio.sleep(0.01)


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
    with monkeypatch.context() as patch:
        patch.setattr(fleet.admissions, "record", away)
        await fleet.join(worker, room)
    monkeypatch.setattr(steps, "PATIENCE", 2 * ANSWER)
    held = Held(fleet, monkeypatch)
    first = asyncio.create_task(fleet.join(worker, room))
    await held.began()
    await asyncio.gather(*(fleet.join(worker, room) for _ in range(3)))
    assert held.count == 1, "one join finds out whether it is back"
    assert not first.done()
    held.let_go()
    await first
    held = Held(fleet, monkeypatch)
    both = asyncio.gather(fleet.join(worker, room), fleet.join(worker, room))
    await held.began()
    await held.began()
    assert not both.done(), "it is back"
    held.let_go()
    await both


async def away_once(fleet: Fleet, worker: Worker, room: str, patch: pytest.MonkeyPatch) -> None:
    """One reading fails; all behind it are answered."""
    with patch.context() as once:
        once.setattr(fleet.admissions, "record", away)
        client = await worker.connect()
        await client.refused("JoinRoom", {"roomId": room, "token": fleet.token(room, new_uuid())})


async def test_a_reading_that_failed_lets_nobody_in_who_is_banned(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    await fleet.join(worker, room)
    banned, token = await guest(fleet, room)
    await fleet.invites.ban(TenantId(fleet.tenant), banned, times.from_seconds(time.time()))
    await away_once(fleet, worker, await fleet.room(), monkeypatch)
    client = await worker.connect()
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"


async def test_a_meeting_begins_after_a_reading_that_failed(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    await ann.call("LeaveRoom")
    await worker.hub.end_room(RoomId(room), "ended")
    await away_once(fleet, worker, await fleet.room(), monkeypatch)
    await fleet.join(worker, room)


async def test_joins_at_once_ask_once_whether_the_database_is_back(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    await fleet.join(worker, room)
    await away_once(fleet, worker, await fleet.room(), monkeypatch)
    record, all_ask = worker.rooms.record, asyncio.Event()
    asking = 0

    async def together(asked: RoomId) -> SharedRecord | None:
        nonlocal asking
        asking += 1
        if asking == 3:
            all_ask.set()
        await all_ask.wait()
        return await record(asked)

    monkeypatch.setattr(worker.rooms, "record", together)
    held = Held(fleet, monkeypatch)
    await asyncio.gather(*(fleet.join(worker, room) for _ in range(4)))
    assert held.count == 1


async def test_who_has_a_seat_does_not_find_out_whether_the_database_is_back(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    await away_once(fleet, worker, await fleet.room(), monkeypatch)
    monkeypatch.setattr(steps, "PATIENCE", 2 * ANSWER)
    held = Held(fleet, monkeypatch)
    await fleet.join(worker, room, user, resumeToken=ann.result["resumeToken"])
    assert held.count == 1


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
    monkeypatch.setattr(steps, "PATIENCE", 2 * ANSWER)  # of no effect: it is known to be away, and asked already
    await come(0)


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
    await kept(fleet, room, chat="host")
    removed, _ = await fleet.join(worker, room, gone := new_uuid())
    await worker.hub.remove_participant(RoomId(room), UserId(gone))
    await removed.closed()
    stop_sql(fleet, monkeypatch)
    client = await other.connect()
    token = fleet.token(room, gone, now=time.time() - 60)
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"
    monkeypatch.setattr(steps, "PATIENCE", 2 * ANSWER)  # of no effect: SQL is known to be away, and asked already
    eve, _ = await fleet.join(other, room)
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


async def test_a_record_that_redis_did_not_take_is_written_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "RECORDS_EVERY", 0.05)
    worker = await fleet.worker()
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    keep_record, tries = worker.rooms.keep_record, itertools.count()

    async def refuse_some(of: RoomId, record: SharedRecord) -> None:
        if next(tries) < 5:
            raise Unavailable("out of memory")
        await keep_record(of, record)

    monkeypatch.setattr(worker.rooms, "keep_record", refuse_some)
    changed = await fleet.directory.change_settings(None, RoomId(room), SettingsChange(chat="host"))
    await worker.hub.settings_changed(RoomId(room), changed.settings)
    await ann.event("SettingsChanged")
    await kept(fleet, room, chat="host")


async def test_changed_quotas_are_in_the_record(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "RECORDS_EVERY", 0.05)
    monkeypatch.setattr(clock, "QUOTAS_EVERY", 0.05)
    worker = await fleet.worker()
    room = await fleet.room()
    await fleet.join(worker, room)
    await fleet.quotas(Quotas(people=7))
    async with asyncio.timeout(ANSWER):
        while (known := await fleet.state.record(RoomId(room))) is None or known.quotas.people != 7:
            await asyncio.sleep(0.01)


async def test_a_meeting_is_told_of_changed_settings_before_they_are_read_again(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    changed = await fleet.directory.change_settings(None, RoomId(room), SettingsChange(chat="host"))
    held = Held(fleet, monkeypatch)
    await asyncio.wait_for(worker.hub.settings_changed(RoomId(room), changed.settings), ANSWER)
    await ann.event("SettingsChanged")
    await held.began()
    held.let_go()
    await kept(fleet, room, chat="host")
