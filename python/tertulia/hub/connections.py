"""The connections of this worker: what meetings have them told, and whose call is answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
from msgspec import Struct

from tertulia.contract.calls import CALLS
from tertulia.db.audit_queue import AuditQueue
from tertulia.errors import Refused, Unavailable
from tertulia.hub import auditing, metrics
from tertulia.hub.client import Client
from tertulia.hub.connection import Connection
from tertulia.hub.refusal import refusal
from tertulia.ids import ConnectionId
from tertulia.room.effects import LetGo
from tertulia.room.line import Call, Farewell
from tertulia.room.meeting import Meeting
from tertulia.room.rate import FAILED_JOIN, cost_of_seat

_log: Final = structlog.get_logger(__name__)


class Connections:
    """By id. Nothing is sent to a client that is gone."""

    def __init__(self, audit: AuditQueue, now: Callable[[], float]) -> None:
        """``now``: Unix seconds on the clock of the fleet."""
        self._audit = audit
        self._now = now
        self._all: dict[ConnectionId, Connection] = {}
        self._here: dict[ConnectionId, Connection] = {}
        """Those whose clients are here."""
        self.get: Final = self._here.get
        """One whose client is here, by its id."""
        self.answered: Final[deque[Connection]] = deque()
        """Whose call under way has been answered, for the hub to go on with."""
        self.none_seated: Final = asyncio.Event()
        """No connection has a seat, lost ones included."""
        self.none_seated.set()
        self._seated = 0

    def __len__(self) -> int:
        """How many clients are here."""
        return len(self._here)

    @property
    def here(self) -> list[Connection]:
        """Those whose clients are here."""
        return list(self._here.values())

    def add(self, connection: Connection) -> None:
        """A client is here."""
        self._all[connection.id] = connection
        self._here[connection.id] = connection
        metrics.CONNECTIONS.inc()

    def client_gone(self, client: Client) -> Connection | None:
        """A client is gone; None: that is known."""
        connection = self._here.pop(client.id, None)
        if connection is not None:
            connection.is_here = False
            metrics.CONNECTIONS.dec()
        return connection

    def remove(self, connection: Connection) -> None:
        """A client is gone, and all its calls were answered."""
        del self._all[connection.id]

    # --- what a meeting has them told

    def let_go(self, effect: LetGo) -> None:
        """Say a last word and close, now or behind the answer to the call under way."""
        connection = self._all.get(effect.connection)
        if connection is not None and connection.line.let_go(Farewell(effect.event, effect.close)):
            self.part(connection, Farewell(effect.event, effect.close))

    def part(self, connection: Connection, farewell: Farewell) -> None:
        """Say a last word and close."""
        if connection.is_here:
            connection.client.send(farewell.event)
            connection.client.close(farewell.close.code, farewell.close.reason)

    def sat(self, connection: ConnectionId, meeting: Meeting) -> None:
        """It has a seat."""
        metrics.SEATS.inc()
        self._seated += 1
        self.none_seated.clear()
        found = self._all[connection]  # its JoinRoom is being answered
        found.meeting = meeting
        found.end_join_time()
        if found.user_rate is not None:
            found.rate = found.user_rate
            if not found.sits_free:
                found.rate.charge(cost_of_seat(len(meeting.members)))
        _log.info(
            "a participant is seated",
            room=meeting.id,
            by=found.claims and f"user {found.claims.user_id}",
            connection=connection,
            address=found.client.address,
        )
        if found.is_here:
            found.client.joined()

    def stood(self, connection: ConnectionId) -> None:
        """It has its seat no more."""
        metrics.SEATS.dec()
        self._seated -= 1
        if not self._seated:
            self.none_seated.set()
        found = self._all.get(connection)
        if found is not None:
            found.meeting = None

    # --- answers

    def reply(self, connection: ConnectionId, result: Struct, target: str | None = None) -> None:
        """The call under way has this result; ``target``: see :class:`.effects.Reply`."""
        found = self._all.get(connection)
        if found is None or (call := found.line.under_way) is None:
            _log.error("an answer to no call", connection=connection)
            return
        metrics.calls(call.event, "ok").inc()
        auditing.note(self._audit, found, call, result, target, self._now())
        if found.is_here:
            found.client.reply(call.id, result)
        found.joining = None
        self.answered.append(found)

    def refuse(self, connection: ConnectionId, error: Exception) -> None:
        """The call under way has failed."""
        found = self._all.get(connection)
        call = found.line.under_way if found is not None else None
        if found is None or call is None:
            _log.error("a refusal of no call", connection=connection, exc_info=error)
            return
        self.refuse_call(found, call, error)
        if call.event == "JoinRoom" and found.meeting is None and found.is_here:
            found.rate.charge(FAILED_JOIN)
            if found.claims is None:
                found.client.widen(wide=False)  # it has proved nothing
        found.joining = None
        self.answered.append(found)

    def refuse_call(self, connection: Connection, call: Call, error: Exception) -> None:
        """Tell the client that this call has failed."""
        metrics.calls(call.event if call.event in CALLS else "", refusal(error).code).inc()
        if isinstance(error, Unavailable):
            _log.warning("a call failed", event_name=call.event, error=error.message)
        elif not isinstance(error, Refused):
            _log.error("a call failed", event_name=call.event, exc_info=error)
        if connection.is_here:
            connection.client.refuse(call.id, error)
