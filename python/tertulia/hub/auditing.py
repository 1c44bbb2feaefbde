"""Which calls of clients are audited, and how."""

from __future__ import annotations

import time
from typing import Final

from msgspec import Struct

from tertulia import times
from tertulia.contract import CALLS, OneUser, RecordingBegun
from tertulia.db.audit_queue import AuditQueue
from tertulia.db.models import AuditEntry
from tertulia.hub.connection import Connection
from tertulia.ids import new_uuid
from tertulia.room.line import Call
from tertulia.validation import read

_ACTIONS: Final = {
    "RemoveParticipant": "participant.removed",
    "EndRoom": "room.ended",
    "StartRecording": "recording.started",
    "StopRecording": "recording.stopped",
}
"""By the event of the call."""


def note(queue: AuditQueue, connection: Connection, call: Call, result: Struct) -> None:
    """Note a call that was carried out, if it is audited."""
    action, claims = _ACTIONS.get(call.event), connection.claims
    if action is None or claims is None:
        return
    entry = AuditEntry(
        id=new_uuid(),
        tenant_id=claims.tenant_id,
        at=times.from_seconds(time.time()),
        action=action,
        actor=f"user {claims.user_id}",
        address=connection.client.address,
        room_id=claims.room_id,
        target=_target(call, result),
    )
    queue.note(entry)


def _target(call: Call, result: Struct) -> str | None:
    if isinstance(result, RecordingBegun):
        return result.recording_id
    if CALLS[call.event] is not OneUser:
        return None
    payload = call.payload if isinstance(call.payload, OneUser) else read(OneUser, call.payload)
    return payload.target_user_id
