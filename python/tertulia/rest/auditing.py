"""Which operations are audited, and how: as what, and to whom or what they do it."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import msgspec
from starlette.requests import Request

from tertulia.db.models import AuditEntry
from tertulia.ids import new_uuid
from tertulia.rest.callers import Caller, Member, SignedIn
from tertulia.rest.operation import Asked
from tertulia.rest.services import Services


class Audited(NamedTuple):
    """``target``: the name of an id in the path; ``made``: what the request makes; None: the room, or the caller."""

    action: str
    target: Literal["made", "user_id", "recording_id", "invite_id"] | None


AUDITED: Final = {
    "deleteRoom": Audited("room.deleted", None),
    "endRoom": Audited("room.ended", None),
    "createInvite": Audited("invite.created", "made"),
    "deleteInvite": Audited("invite.revoked", "invite_id"),
    "removeParticipant": Audited("participant.removed", "user_id"),
    "startRecording": Audited("recording.started", "made"),
    "stopRecording": Audited("recording.stopped", "recording_id"),
    "composeRecording": Audited("recording.composed", "recording_id"),
    "deleteRecording": Audited("recording.deleted", "recording_id"),
    "endSignIn": Audited("user.signed-out", None),
}
"""By the name of the operation. ``details`` are its body or query."""


def note(services: Services, request: Request, operation: str, asked: Asked[Any]) -> None:
    """Note a request that was carried out, if its operation is audited."""
    audited = AUDITED.get(operation)
    if audited is None:
        return
    target = asked.made_id if audited.target == "made" else audited.target and asked.path[audited.target].lower()
    entry = AuditEntry(
        id=new_uuid(),
        tenant_id=asked.caller.tenant_id,
        at=services.now(),
        action=audited.action,
        actor=actor_of(asked.caller),
        address=request.client.host if request.client else None,
        request_id=request.state.request_id,
        room_id=asked.path["room_id"].lower() if "room_id" in asked.path else None,
        target=target,
        details=_details(asked.body),
    )
    services.audit_queue.note(entry)


def _details(body: Any) -> dict[str, Any]:
    """A body or a query, without what nobody else may know."""
    given = {} if body is None else msgspec.to_builtins(body)
    return {name: value for name, value in given.items() if name != "password"}


def actor_of(caller: Caller) -> str:
    """Who calls, as the log has it."""
    if isinstance(caller, SignedIn):
        return f"user {caller.user_id}"
    return f"user {caller.claims.user_id}" if isinstance(caller, Member) else caller.name
