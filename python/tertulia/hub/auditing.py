"""Which calls of clients are audited, and how."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tertulia import times
from tertulia.contract.calls import CALLS, RemoveParticipant, SetRole
from tertulia.contract.events import RecordingBegun
from tertulia.contract.requests import StartRecording
from tertulia.db.audit_queue import AuditQueue
from tertulia.db.models import AuditEntry
from tertulia.hub.connection import Connection
from tertulia.ids import new_uuid
from tertulia.room.line import Call
from tertulia.validation import read

_ACTIONS: Final = {
    "RemoveParticipant": "participant.removed",
    "Deny": "participant.denied",
    "SetRole": "participant.role",
    "EndRoom": "room.ended",
    "StartRecording": "recording.started",
    "StopRecording": "recording.stopped",
}
"""By the event of the call."""


def note(queue: AuditQueue, connection: Connection, call: Call, result: Struct, target: str | None, now: float) -> None:
    """Note a call that was carried out, if it is audited. ``target``: see :class:`~tertulia.room.effects.Reply`.
    ``now``: Unix seconds on the clock of the fleet."""
    action, claims = _ACTIONS.get(call.event), connection.claims
    if action is None or claims is None:
        return
    known, details = _about(call, result)
    entry = AuditEntry(
        id=new_uuid(),
        tenant_id=claims.tenant_id,
        at=times.from_seconds(now),
        action=action,
        actor=f"user {claims.user_id}",
        address=connection.client.address,
        room_id=claims.room_id,
        target=target or known,
        details=details | {"connection": connection.id},
    )
    queue.note(entry)


def _about(call: Call, result: Struct) -> tuple[str | None, dict[str, str]]:
    """To whom or what it was done, and what else was asked for: in the words of REST."""
    payload = _payload(call)
    if isinstance(payload, RemoveParticipant):
        return payload.target_user_id.lower(), {"ban": "true" if payload.ban else "false"}
    if isinstance(payload, SetRole):
        return payload.target_user_id.lower(), {"role": payload.role}
    if isinstance(payload, StartRecording) and isinstance(result, RecordingBegun):
        return result.recording_id, {"layout": payload.layout}
    return None, {}


def _payload(call: Call) -> Struct:
    """As its struct. One that has waited may still be as it came."""
    if isinstance(call.payload, Struct):
        return call.payload
    read_payload: Struct = read(CALLS[call.event], call.payload or {}, null_is_absent=True)
    return read_payload
