"""Runs the steps that meetings ask for, in Redis and SQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Final

import structlog

from tertulia import times
from tertulia.contract.settings import Settings
from tertulia.db.admissions import REVOKED, Admissions
from tertulia.db.directory import Directory
from tertulia.db.recordings import Recordings
from tertulia.errors import (
    BadToken,
    NotFound,
    RoleNotAllowed,
    RoomFull,
    RoomLocked,
    TertuliaError,
    Unavailable,
    UserRemoved,
)
from tertulia.hub.answering import Answering
from tertulia.hub.tasks import Tasks, for_each
from tertulia.ids import RoomId, TenantId, UserId
from tertulia.outage import Outage
from tertulia.room import steps
from tertulia.room.answers import Answer, MustWait, Ongoing, RoomRecord, Uncounted
from tertulia.room.quotas import Quotas
from tertulia.room.records import KnownRecords, KnownVoid, SharedRecord
from tertulia.state.rooms import RoomState
from tertulia.state.seats import Seat, TenantSeats
from tertulia.tokens import RoomClaims

AT_ONCE: Final = 200
"""Steps of the hub's own clock (sweeps, moves): one after the other, a busy worker's rooms would take longer than a
keep-alive interval, and then nobody expires; all at once, the calls of clients would wait behind them."""

PATIENCE: Final = 0.5
"""Seconds that who comes back to a seat waits for SQL where the record of the room is known, here or to Redis, and who
finds out whether it is back; others look so often whether it answers at all."""
KEPT_AT_ONCE: Final = 20
"""Records that are written to Redis again: SQL has to be asked for each."""

_Run = Callable[[RoomId, Any], Awaitable[Answer]]


_log: Final = structlog.get_logger(__name__)


class Steps:
    """Every step ends within the deadlines of the clients of Redis and SQL."""

    def __init__(
        self,
        rooms: RoomState,
        seats: TenantSeats,
        directory: Directory,
        admissions: Admissions,
        recordings: Recordings,
        tasks: Tasks,
        now: Callable[[], float],
    ) -> None:
        """``now``: Unix seconds on the clock of the fleet."""
        self._rooms = rooms
        self._seats = seats
        self._tasks = tasks
        self._clock = now
        self._admissions = admissions
        self._directory = directory
        self._recordings = recordings
        self._regular = asyncio.Semaphore(AT_ONCE)
        self._known = KnownRecords()
        self._void = KnownVoid()
        self._sql = Answering()
        self._unread = Outage("rooms are joined by what was last read", "rooms are read again when they are joined")
        self._unkept = Outage("records of rooms are not in Redis yet", "the records of all rooms are in Redis again")
        self._kinds: dict[type[Any], _Run] = {
            steps.Join: self._join,
            steps.Leave: self._leave,
            steps.RecordRemoval: self._record_removal,
            steps.Remove: self._remove,
            steps.KeepOut: lambda room, s: rooms.keep_out(room, s.session_id, s.removals),
            steps.KeepAlive: lambda room, s: rooms.keep_alive(room, s.user, s.connection, s.incarnation),
            steps.Update: self._update,
            steps.RaiseHand: lambda room, s: rooms.raise_hand(room, s.user, s.connection, s.incarnation, s.raised),
            steps.SetDisplayName: self._set_display_name,
            steps.SetRecordingOptOut: self._set_recording_opt_out,
            steps.Control: self._control,
            steps.Admit: lambda room, s: rooms.admit(room, s.users, s.incarnation),
            steps.KeepChat: lambda room, s: rooms.keep_chat(room, s.session_id, s.messages),
            steps.React: lambda room, s: rooms.react(room, s.session_id, s.message_id, s.user, s.emoji),
            steps.ReadChat: lambda room, s: rooms.chat(room, s.session_id),
            steps.BeginRecording: lambda room, s: rooms.begin_recording(room, s.recording, s.session_id),
            steps.EndRecording: lambda room, s: rooms.end_recording(room, s.recording),
            steps.End: self._end,
            steps.Expire: self._expire,
            steps.Restore: self._restore,
            steps.Move: self._move,
            steps.Summary: lambda room, _: rooms.summary(room),
            steps.FindMember: lambda room, s: rooms.participant(room, s.user),
            steps.Read: lambda room, s: rooms.read(room, s.mark),
            steps.OpenSession: self._open_session,
            steps.CloseSession: self._close_session,
            steps.ReadSession: self._read_session,
            steps.PrepareJoin: lambda room, s: self.prepare_join(room, s.claims),
            steps.ReadRecord: lambda room, s: self._read_anew(room) if s.is_anew else self._record(room),
            steps.ChangeSettings: self._change_settings,
            steps.StartRecording: self._start_recording,
            steps.StopRecording: lambda _, s: recordings.stop(s.recording, self._now(), s.error),
            steps.WithdrawRecording: lambda room, s: recordings.delete(room, s.recording, self._now()),
        }

    def run(self, room: RoomId, step: steps.Step) -> Awaitable[Answer]:
        """The step's answer. Raises what :mod:`tertulia.room.steps` says."""
        return self._kinds[type(step)](room, step)

    async def prepare_join(self, room: RoomId, claims: RoomClaims) -> RoomRecord:
        """The room's record, for whoever joins by ``claims``.

        Raises:
            NotFound, BadToken
            Unavailable: it is not known.
        """
        return await self._record(room, claims)

    async def count_seats(self, seated: Iterable[tuple[RoomId, list[UserId]]]) -> None:
        """Go on counting the people in meetings of this hub, for tenants that have a quota of them. Raises
        Unavailable."""
        counted: dict[TenantId, list[Seat]] = {}
        for room, users in seated:
            owner = self._known.owner(room)
            if owner is not None and owner[1].people is not None:
                counted.setdefault(owner[0], []).extend((room, user) for user in users)
        for tenant, seats in counted.items():
            await self._seats.count(tenant, seats)

    async def quotas(self, rooms: Iterable[RoomId]) -> list[tuple[RoomId, TenantId, Quotas]]:
        """What the tenants of these rooms may have, as far as it is known whose they are. Raises Unavailable."""
        owners = {room: owner[0] for room in rooms if (owner := self._known.owner(room)) is not None}
        found = await self._directory.quotas(dict.fromkeys(owners.values()))
        read = [(room, tenant, found[tenant]) for room, tenant in owners.items() if tenant in found]
        for room, tenant, quotas in read:
            self._known.read_quotas(room, tenant, quotas)
        return read

    def _freed(self, room: RoomId, users: list[UserId]) -> None:
        """They are in the meeting no more. The answer to the step does not wait until they are not counted either."""
        owner = self._known.owner(room)
        if users and owner is not None and owner[1].people is not None:
            self._tasks.spawn(self._release(owner[0], [(room, user) for user in users]))

    async def _release(self, tenant: TenantId, seats: list[Seat]) -> None:
        try:
            await self._seats.release(tenant, seats)
        except Unavailable as e:
            _log.warning("people who have left are counted until their time runs out", tenant=tenant, error=e.message)

    async def _record(self, room: RoomId, claims: RoomClaims | None = None) -> RoomRecord:
        """The room's record, for whoever joins by ``claims``; as it is known if SQL is away.

        A slow SQL is waited for, since it may have banned them, but not by whoever has a seat: what ends that is said
        in Redis too. While it is away, one at a time finds out whether it is back.

        Raises:
            NotFound, BadToken
            Unavailable: it is not known.
        """
        tenant = claims.tenant_id if claims is not None else None
        began = time.monotonic()
        is_away = self._sql.is_away(began)
        if is_away and self._sql.is_asked():
            known = await self._as_known(room, tenant, claims)
            if known is not None:
                return known
        self._sql.begin(began)
        reading = self._tasks.spawn(self._try_to_read(began, room, tenant, claims))
        is_seated = is_away and await self._has_seat(room, claims)
        if not is_seated:
            await asyncio.wait([reading], timeout=PATIENCE)
            is_seated = not reading.done() and await self._has_seat(room, claims)
        while not reading.done():
            if is_seated or self._sql.is_away(time.monotonic()):
                known = await self._as_known(room, tenant, claims)
                if known is not None:
                    return known
            await asyncio.wait([reading], timeout=PATIENCE)
        found = reading.result()
        if isinstance(found, Unavailable):
            found = await self._as_known(room, tenant, claims) or found
        if isinstance(found, TertuliaError):
            raise found
        return found

    async def _as_known(self, room: RoomId, tenant: TenantId | None, claims: RoomClaims | None) -> RoomRecord | None:
        """What is gone by while SQL is away: the record that Redis has with the state of the room, else what was read
        here last. None: it is not known.

        Raises:
            BadToken: the token was void already.
            Unavailable: nor does Redis answer.
        """
        known = self._known.find(room, tenant)
        shared = await self._rooms.record(room)
        if shared is not None and tenant in (None, shared.tenant_id):
            known = self._known.heard(room, shared)
        if known is not None:
            self._unread.failed(Unavailable("the database does not answer"))
            if claims is not None and claims in self._void:
                raise UserRemoved if claims.admission.is_guest else BadToken(REVOKED)
        return known

    async def _try_to_read(
        self, began: float, room: RoomId, tenant: TenantId | None, claims: RoomClaims | None
    ) -> RoomRecord | TertuliaError:
        found: RoomRecord | TertuliaError
        try:
            _, found = await self._read_record(room, tenant, claims)
        except (NotFound, BadToken) as e:
            found = e
        except BaseException as e:
            self._sql.failed(began, time.monotonic())
            if isinstance(e, Unavailable):
                return e
            raise
        self._sql.answered(began, time.monotonic())
        self._unread.worked()
        return found

    async def _has_seat(self, room: RoomId, claims: RoomClaims | None) -> bool:
        return claims is not None and await self._rooms.participant(room, claims.user_id) is not None

    def settings_changed(self, room: RoomId, settings: Settings) -> None:
        """SQL has these settings of a room."""
        self._known.changed(room, settings)

    async def keep_records(self) -> None:
        """Write the records of which Redis may have older ones."""
        await for_each(self._known.ahead(), self.keep_anew, KEPT_AT_ONCE)
        if not self._known.ahead():
            self._unkept.worked()

    async def keep_anew(self, room: RoomId) -> None:
        """Have Redis know the record, which has changed."""
        try:
            await self._read_anew(room)
        except NotFound:
            return  # it has been deleted
        except Unavailable as e:
            self._unkept.failed(e)

    async def _read_anew(self, room: RoomId) -> RoomRecord:
        """The record, which has changed: for Redis, too. Every hub with members reads and writes it after each change,
        so that the last one to write has read all of them."""
        tenant, record = await self._read_record(room, None)
        shared = SharedRecord.of(tenant, record)
        try:
            await self._rooms.keep_record(room, shared)
        except Unavailable as e:
            self._known.not_kept(room)
            self._unkept.failed(e)
        else:
            self._known.kept(room, shared)
        return record

    async def _read_record(
        self, room: RoomId, tenant: TenantId | None, claims: RoomClaims | None = None
    ) -> tuple[TenantId, RoomRecord]:
        asked = self._known.ask()
        try:
            found, removals, quotas = await self._admissions.record(room, tenant, claims)
        except NotFound:
            self._known.gone(room, asked, tenant)
            raise
        except BadToken:
            if claims is not None:
                self._void.refused(claims)
            raise
        record = RoomRecord(
            host_user_id=found.host_user_id,
            settings=found.settings,
            session_id=found.session_id,
            recording=found.recording_id,
            removals=removals,
            quotas=quotas,
        )
        self._known.read(room, asked, found.tenant_id, record)
        return found.tenant_id, record

    async def _leave(self, room: RoomId, step: steps.Leave) -> Answer:
        left = await self._rooms.leave(room, step.user, step.connection, step.reason)
        if left is not None:
            self._freed(room, [step.user])
        return left

    async def _remove(self, room: RoomId, step: steps.Remove) -> Answer:
        removed = await self._rooms.remove(room, step.user, step.lost, step.done_at_ms)
        if removed.left is not None:
            self._freed(room, [step.user])
        return removed

    async def _join(self, room: RoomId, step: steps.Join) -> Answer:
        """Nobody is counted before the room would take them: who has to wait would keep others out meanwhile."""
        if step.people is None:
            return await self._sit(room, step, is_counted=True)
        try:
            return await self._sit(room, step, is_counted=False)
        except Uncounted:
            await self._seats.take(step.tenant, (room, step.seat.user_id), step.people)
        try:
            return await self._sit(room, step, is_counted=True)
        except (MustWait, RoomFull, RoomLocked, RoleNotAllowed, UserRemoved):  # that is said to nobody who has a seat
            self._freed(room, [step.seat.user_id])
            raise

    def _sit(self, room: RoomId, step: steps.Join, *, is_counted: bool) -> Awaitable[Answer]:
        return self._rooms.join(
            room,
            step.seat,
            max_participants=step.max_participants,
            admitted_at_ms=step.admitted_at_ms,
            placement=step.placement,
            entry=step.entry,
            record=self._known.shared(room),
            is_counted=is_counted,
        )

    def _restore(self, room: RoomId, step: steps.Restore) -> Awaitable[Answer]:
        record = self._known.shared(room)
        return self._rooms.restore(room, step.known, step.members, step.new_incarnation, record)

    def _update(self, room: RoomId, step: steps.Update) -> Awaitable[Answer]:
        return self._rooms.update(
            room,
            step.user,
            step.connection,
            step.incarnation,
            is_muted=step.is_muted,
            is_video_on=step.is_video_on,
        )

    def _control(self, room: RoomId, step: steps.Control) -> Awaitable[Answer]:
        return self._rooms.control(
            room,
            step.user,
            step.incarnation,
            role=step.role,
            lowers_hand=step.lowers_hand,
            is_spotlit=step.is_spotlit,
            permissions=step.permissions,
        )

    async def _change_settings(self, room: RoomId, step: steps.ChangeSettings) -> Answer:
        changed = await self._directory.change_settings(None, room, step.change)
        self.settings_changed(room, changed.settings)
        return changed.settings

    def _set_display_name(self, room: RoomId, step: steps.SetDisplayName) -> Awaitable[Answer]:
        return self._rooms.set_display_name(room, step.user, step.connection, step.incarnation, step.display_name)

    def _set_recording_opt_out(self, room: RoomId, step: steps.SetRecordingOptOut) -> Awaitable[Answer]:
        return self._rooms.set_recording_opt_out(room, step.user, step.connection, step.incarnation, step.opt_out)

    async def _end(self, room: RoomId, step: steps.End) -> Answer:
        ended = await self._rooms.end(
            room, step.reason, session_id=step.session_id, only_if_empty_for_ms=step.only_if_empty_for_ms
        )
        if ended is not None:
            self._freed(room, [member.user_id for member in ended.participants])
        return ended

    async def _expire(self, room: RoomId, step: steps.Expire) -> Answer:
        async with self._regular:
            expired = await self._rooms.expire(room, step.silent_for_ms)
        if expired is not None:
            self._freed(room, [member.user_id for member in expired.participants])
        return expired

    async def _move(self, room: RoomId, step: steps.Move) -> Answer:
        async with self._regular:
            return await self._rooms.move(room, step.from_node, step.to_node)

    async def _open_session(self, room: RoomId, step: steps.OpenSession) -> Answer:
        if self._sql.is_away(time.monotonic()):
            raise Unavailable("the database does not answer")  # whoever has a seat need not wait for it
        session = await self._directory.open_session(step.session_id, room, self._now())
        if session.end_time is None:
            self._known.opened(room, step.session_id)
        if step.claims is not None and step.claims.admission.is_guest:
            await self._admissions.check(step.claims)
        return session.end_time is None

    async def _close_session(self, room: RoomId, step: steps.CloseSession) -> Answer:
        self._known.closed(room, step.session_id)
        await self._directory.close_session(step.session_id, self._now())
        return None

    async def _read_session(self, _: RoomId, step: steps.ReadSession) -> Answer:
        if not await self._directory.is_open(step.session_id):
            return None
        removals = await self._admissions.removals(step.session_id)
        return Ongoing(await self._recordings.running(step.session_id), removals)

    async def _record_removal(self, room: RoomId, step: steps.RecordRemoval) -> Answer:
        at = times.from_ms(step.at_ms)
        owner = self._known.owner(room)
        if step.ban and owner is not None:
            self._void.ban(owner[0], step.user)
        await self._admissions.remove(room, step.session_id, step.user, at, ban=step.ban)
        return None

    async def _start_recording(self, room: RoomId, step: steps.StartRecording) -> Answer:
        await self._recordings.start(step.recording, room, step.session_id, step.layout, self._now())
        return None

    def _now(self) -> datetime:
        return times.from_seconds(self._clock())
