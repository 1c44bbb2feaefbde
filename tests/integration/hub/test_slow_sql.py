"""Joins while the database is slow or away."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tertulia.contract.settings import SettingsChange
from tertulia.db.admissions import Record
from tertulia.errors import Unavailable
from tertulia.hub import answering, clock, steps
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.room import messages
from tertulia.room.messages import SettingsMessage
from tertulia.room.quotas import Quotas
from tertulia.room.records import SharedRecord
from tertulia.state import keys
from tests.integration.hub.harness import ANSWER, SETTINGS, Fleet, Worker
from tests.waiting import until, until_answered


def never_away(patch: pytest.MonkeyPatch) -> None:
    """SQL that does not answer is slow, for as long as anybody waits."""
    patch.setattr(answering, "UNANSWERED", 2 * ANSWER)


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

    async def are_known() -> bool:
        known = await fleet.state.record(RoomId(room))
        return known is not None and all(getattr(known.settings, k) == v for k, v in settings.items())

    await until_answered(are_known)


async def test_a_slow_database_lets_nobody_in_who_is_banned(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    ann, user = await fleet.join(worker, room)
    banned, token = await fleet.guest(room)
    await fleet.ban(banned)
    never_away(monkeypatch)
    held = Held(fleet, monkeypatch)
    client = await worker.connect()
    refusal = asyncio.create_task(client.refused("JoinRoom", {"roomId": room, "token": token}))
    await held.began()
    await ann.cut()
    # Who has a seat does not wait for it.
    back, _ = await fleet.join(worker, room, user, resumeToken=ann.result["resumeToken"], received=0)
    assert "missed" not in back.result
    assert not refusal.done()
    held.let_go()
    assert await refusal == "bad_token"
    # What is known to be void stays so while the database is away.
    monkeypatch.setattr(fleet.admissions, "record", away)
    assert await client.refused("JoinRoom", {"roomId": room, "token": token}) == "bad_token"
    await fleet.join(worker, room)


async def test_changed_settings_are_waited_for(fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room)
    await fleet.directory.change_settings(None, RoomId(room), SettingsChange(locked=True))
    never_away(monkeypatch)
    held = Held(fleet, monkeypatch)
    client = await worker.connect()
    joining = {"roomId": room, "token": fleet.token(room, new_uuid())}
    refusal = asyncio.create_task(client.refused("JoinRoom", joining))
    await held.began()
    await asyncio.wait([refusal], timeout=2 * steps.PATIENCE)
    assert not refusal.done()
    held.let_go()
    assert await refusal == "room_locked"
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
    banned, token = await fleet.guest(room)
    await fleet.ban(banned)
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
    held = Held(fleet, monkeypatch)
    first = asyncio.create_task(fleet.join(worker, room))
    await held.began()
    second = asyncio.create_task(fleet.join(worker, room))
    await held.began()
    await asyncio.gather(first, second)
    monkeypatch.setattr(steps, "PATIENCE", 2 * ANSWER)  # of no effect: it is known to be away, and asked already
    await fleet.join(worker, room)


async def hang_until_the_deadline(*asked: Any) -> None:
    """As the directory's own deadline has it, but sooner."""
    await asyncio.sleep(0.2)
    raise Unavailable("the database does not answer")


def stop_sql(fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fleet.admissions, "record", hang)
    patch.setattr(fleet.directory, "open_session", hang_until_the_deadline)


async def test_a_worker_that_does_not_know_the_room_takes_back_who_has_a_seat(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room(mute_on_entry=True)
    ann, user = await fleet.join(worker, room, isMuted=False)
    bob, other_user = await fleet.join(worker, room)
    stop_sql(fleet, monkeypatch)
    never_away(monkeypatch)
    await worker.die()
    other = await fleet.worker()
    back, _ = await fleet.join(other, room, user, resumeToken=ann.result["resumeToken"])
    await fleet.join(other, room, other_user)
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


async def test_it_is_said_once_that_records_are_not_in_redis_and_once_that_they_are(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "RECORDS_EVERY", 0.05)
    worker = await fleet.worker()
    rooms = [await fleet.room(), await fleet.room()]
    for room in rooms:
        await fleet.join(worker, room)
    keep_record, tries, refused = worker.rooms.keep_record, itertools.count(), asyncio.Event()

    async def refuse(of: RoomId, record: SharedRecord) -> None:
        if next(tries) == 9:
            refused.set()
        raise Unavailable("out of memory")

    monkeypatch.setattr(worker.rooms, "keep_record", refuse)
    with capture_logs() as logs:
        for room in rooms:
            changed = await fleet.directory.change_settings(None, RoomId(room), SettingsChange(chat="host"))
            await worker.hub.settings_changed(RoomId(room), changed.settings)
        await asyncio.wait_for(refused.wait(), ANSWER)
        monkeypatch.setattr(worker.rooms, "keep_record", keep_record)
        over = {"event": "the records of all rooms are in Redis again", "log_level": "info"}
        await until(lambda: over in logs)
    assert [log["error"] for log in logs if log["event"].startswith("records of rooms")] == ["out of memory"]


async def test_it_is_said_once_that_sql_cannot_be_read_and_once_that_it_can(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "QUOTAS_EVERY", 0.02)
    worker = await fleet.worker()
    await fleet.join(worker, await fleet.room())
    quotas, tries, failed = fleet.directory.quotas, itertools.count(), asyncio.Event()

    async def fail(tenants: Iterable[TenantId]) -> dict[TenantId, Quotas]:
        if next(tries) == 4:
            failed.set()
        raise Unavailable("the database does not answer")

    with capture_logs() as logs:
        monkeypatch.setattr(fleet.directory, "quotas", fail)
        await asyncio.wait_for(failed.wait(), ANSWER)
        monkeypatch.setattr(fleet.directory, "quotas", quotas)
        await until(lambda: {"event": "works again", "log_level": "info", "work": "Clock._read_quotas"} in logs)
    assert [log["event"] for log in logs if log.get("work")] == ["will be tried again until it works", "works again"]


async def test_changed_quotas_are_in_the_record(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "RECORDS_EVERY", 0.05)
    monkeypatch.setattr(clock, "QUOTAS_EVERY", 0.05)
    worker = await fleet.worker()
    room = await fleet.room()
    await fleet.join(worker, room)
    await fleet.quotas(Quotas(people=7))

    async def are_in_the_record() -> bool:
        known = await fleet.state.record(RoomId(room))
        return known is not None and known.quotas.people == 7

    await until_answered(are_in_the_record)


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


@pytest.mark.parametrize("by", ["REST", "a host"])
async def test_each_worker_reads_changed_settings_once(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(worker, room, role="host")
    bob, _ = await fleet.join(await fleet.worker(), room)
    held = Held(fleet, monkeypatch)
    held.let_go()
    if by == "REST":
        changed = await fleet.directory.change_settings(None, RoomId(room), SettingsChange(share="host"))
        await worker.hub.settings_changed(RoomId(room), changed.settings)
    else:
        await ann.call("ChangeSettings", {"settings": {"share": "host"}})
    for sender, other in ((ann, bob), (bob, ann)):  # behind the change, on the channel
        await sender.call("SendChat", {"text": "done"})
        await other.event("ChatMessage")
    await kept(fleet, room, share="host")
    assert held.count == 2


async def test_changed_settings_of_a_room_without_members_here_are_in_its_record(fleet: Fleet, worker: Worker) -> None:
    room = await fleet.room()
    ann, _ = await fleet.join(await fleet.worker(), room)
    await ann.call("LeaveRoom")
    changed = await fleet.directory.change_settings(None, RoomId(room), SettingsChange(share="host"))
    await worker.hub.settings_changed(RoomId(room), changed.settings)
    await kept(fleet, room, share="host")


async def test_it_is_said_once_that_rooms_are_joined_by_what_was_last_read(
    fleet: Fleet, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await fleet.room()
    await fleet.join(worker, room)
    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            patch.setattr(fleet.admissions, "record", away)
            for _ in range(3):
                await fleet.join(worker, room)
        await fleet.join(worker, room)
    said = ["rooms are joined by what was last read", "rooms are read again when they are joined"]
    assert [log["event"] for log in logs if log["event"].startswith("rooms are")] == said
