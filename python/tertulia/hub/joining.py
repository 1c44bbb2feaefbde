"""JoinRoom: from the token to the seat."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Final

from tertulia import times
from tertulia.contract import JoinResult, JoinRoom, Topology
from tertulia.db.directory import Directory
from tertulia.db.keyring import Keyring
from tertulia.db.models import Room
from tertulia.errors import BadToken, Unavailable
from tertulia.hub import metrics
from tertulia.hub.connection import Connection, Done, Seated
from tertulia.hub.live import LiveRoom
from tertulia.hub.live_rooms import LiveRooms
from tertulia.hub.media import Media
from tertulia.hub.sessions import Sessions
from tertulia.ids import RoomId, SeatId, SessionId, new_token, new_uuid
from tertulia.room import events
from tertulia.room.answers import Joined
from tertulia.room.closing import ENDED
from tertulia.room.events import Event
from tertulia.room.missed import Missed, without_overlap
from tertulia.room.nodes import Nodes
from tertulia.room.permissions import check_role
from tertulia.room.settings import HubSettings
from tertulia.room.steps import JoinSeat, Placement
from tertulia.state.rooms import RoomState
from tertulia.tokens import RoomClaims

_TRIES: Final = 3
"""A join that crosses with the end of the meeting begins anew."""


class Joining:
    """One JoinRoom at a time for each connection."""

    def __init__(
        self,
        settings: HubSettings,
        rooms: RoomState,
        directory: Directory,
        keys: Keyring,
        live_rooms: LiveRooms,
        nodes: Nodes,
        media: Media,
        sessions: Sessions,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._directory = directory
        self._keys = keys
        self._live_rooms = live_rooms
        self._nodes = nodes
        self._media = media
        self._sessions = sessions

    async def join(self, connection: Connection, payload: JoinRoom) -> Done:
        """Take a seat. What the answer comes with seats ``connection`` and sends it what follows.

        Raises:
            BadToken, NotFound, RoleNotAllowed, RoomFull, Unavailable: nothing has changed.
        """
        claims = await self._keys.verify_room(payload.token)
        room_id = RoomId(payload.room_id.lower())
        if claims.room_id != room_id:
            raise BadToken("the token is for another room")
        record = await self._admitted(claims)
        live = self._live_rooms.open(room_id)
        live.expect(connection, claims.user_id)
        try:
            if live.subscribed is not None:
                await asyncio.shield(live.subscribed)
            resume = new_token()
            joined = await self._take_seat(connection, payload, claims, record, live, resume)
            await self._settle(live, joined.session_id)
            live.admit(joined)
            missed = await self._missed(connection, joined)
        except BaseException:
            live.expect_no_more(connection)
            self._live_rooms.drop_unused(live)
            raise
        self._sessions.cancel(room_id)
        if joined.replaced is not None and not joined.resumed:
            self._media.close(room_id, live.node, [joined.replaced.seat])
        return self._answer(connection, live, joined, record.settings.topology, missed, resume)

    async def _admitted(self, claims: RoomClaims) -> Room:
        record = await self._directory.room(claims.room_id, claims.tenant_id)
        check_role(record.settings, claims.role, claims.user_id == record.host_user_id)
        return record

    async def _take_seat(
        self,
        connection: Connection,
        payload: JoinRoom,
        claims: RoomClaims,
        record: Room,
        live: LiveRoom,
        resume: str,
    ) -> Joined:
        """The seat in Redis, and the session open in SQL."""
        for _ in range(_TRIES):
            placement = self._placement(record, claims, live)
            may_place = placement.node if record.session_id is None else None
            with self._nodes.reserved(may_place):
                joined = await self._rooms.join(
                    claims.room_id,
                    self._request(connection, payload, claims, resume),
                    max_participants=record.settings.max_participants,
                    token_issued_at_ms=claims.issued_at_ms,
                    placement=placement,
                )
                if joined.first_of_session and joined.node is not None:
                    self._nodes.placed(joined.node)
            if not joined.first_of_session and joined.session_id == record.session_id:
                return joined
            if await self._open_session(connection, claims, joined.session_id):
                await self._close_if_over(live, joined.session_id)
                return joined
            # The session that was open when ``record`` was read has ended since: begin another.
            await self._rooms.end(claims.room_id, "ended", session_id=joined.session_id)
            record = await self._admitted(claims)
        raise Unavailable("the meeting ended while it was joined")

    async def _open_session(self, connection: Connection, claims: RoomClaims, session_id: SessionId) -> bool:
        """Whether the session is open now; if that cannot be told, the seat is given up."""
        try:
            now = times.from_seconds(time.time())
            session = await self._directory.open_session(session_id, claims.room_id, now)
        except Exception:
            await self._rooms.leave(claims.room_id, claims.user_id, connection.id, "left")
            raise
        return session.end_time is None

    async def _close_if_over(self, live: LiveRoom, session_id: SessionId) -> None:
        """Whoever ended the meeting before its session was in SQL could not close it there."""
        summary = await self._rooms.summary(live.id)
        if summary is None or summary.session_id != session_id:
            await self._directory.close_session(session_id, times.from_seconds(time.time()))
            live.ended(session_id, "ended")

    async def _settle(self, live: LiveRoom, joined: SessionId) -> None:
        """Two sessions cannot be live at once: the one that Redis does not know has ended."""
        while live.conflicts(joined):
            known = live.session_id
            summary = await self._rooms.summary(live.id)
            for session_id in (known, joined):
                if summary is None or session_id != summary.session_id:
                    live.ended(session_id, "ended")  # its own message is still on the way

    def _request(self, connection: Connection, payload: JoinRoom, claims: RoomClaims, resume: str) -> JoinSeat:
        return JoinSeat(
            user_id=claims.user_id,
            connection_id=connection.id,
            display_name=claims.display_name,
            role=claims.role,
            is_muted=bool(payload.is_muted),
            is_video_on=bool(payload.is_video_on),
            seat=SeatId(new_uuid()),
            resume=_digest(resume),
            returning=_digest(payload.resume_token) if payload.resume_token else None,
        )

    def _placement(self, record: Room, claims: RoomClaims, live: LiveRoom) -> Placement:
        """Where the room lives if this join makes it. A session still open in SQL goes on, where this hub knows it to
        live: its state was lost."""
        goes_on = live.session_id is not None and live.session_id == record.session_id
        region = live.region if goes_on else self._nodes.region(claims.region)
        node = live.node if goes_on else None
        if node is None and record.settings.topology == "sfu":
            node = self._nodes.choose(region)
        return Placement(
            region=region,
            node=node,
            session_id=record.session_id or SessionId(new_uuid()),
            incarnation=new_token(),
        )

    async def _missed(self, connection: Connection, joined: Joined) -> Missed | None:
        """What a returning client has missed, from the hub that held its lost connection; None: it does not return."""
        if not joined.resumed or joined.replaced is None or connection.handed_over is None:
            return None
        here = joined.replaced.hub == joined.participant.hub
        try:
            return await asyncio.wait_for(connection.handed_over, 0 if here else self._settings.handover)
        except TimeoutError:
            return Missed(some_lost=True)

    def _answer(
        self,
        connection: Connection,
        live: LiveRoom,
        joined: Joined,
        topology: Topology,
        missed: Missed | None,
        resume: str,
    ) -> Done:
        member = joined.participant
        others = live.others(joined)
        held, all_held = live.expect_no_more(connection)
        some_lost = not all_held or (missed is not None and missed.some_lost)
        if missed is not None:
            metrics.RESUMED.labels(missed=str(some_lost).lower()).inc()
        following = [event for event, seat in held if seat in (None, member.seat)]
        if missed is not None:
            following = without_overlap(missed.take(), following)
        seated = Seated(live, member.user_id, member.role, member.seat, topology)
        result = JoinResult(
            user_id=member.user_id,
            role=member.role,
            participants=[other.view() for other in others],
            resume_token=resume,
            keep_alive_seconds=self._settings.keep_alive_seconds,
            missed=some_lost,
            topology=topology,
        )
        return Done(result, lambda: self._sit_down(connection, seated, joined.session_id, following))

    def _sit_down(self, connection: Connection, seated: Seated, session_id: SessionId, following: list[Event]) -> None:
        """In the same turn of the event loop in which the result was sent."""
        live = seated.room
        if live.is_over(session_id):
            connection.let_go(events.room_ended("ended"), ENDED)
        elif not connection.lost_early:
            live.seat(connection, seated)
            live.announce(connection)
            for event in following:
                connection.deliver(event)
        self._live_rooms.drop_unused(live)


def _digest(resume: str) -> str:
    return hashlib.sha256(resume.encode()).hexdigest()
