"""Rows as the API shows them."""

from __future__ import annotations

from tertulia.contract.answers import InviteView, RecordingProgress, RecordingView, RoomView, SessionView, UserView
from tertulia.db.models import Invite, Recording, Room, Session, User
from tertulia.rest.links import Link
from tertulia.times import rfc3339


def user_view(user: User) -> UserView:
    """A user."""
    return UserView(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        tenant_id=user.tenant_id,
        created_at=rfc3339(user.created_at),
    )


def room_view(room: Room) -> RoomView:
    """A room."""
    return RoomView(
        id=room.id,
        host_user_id=room.host_user_id,
        tenant_id=room.tenant_id,
        settings=room.settings,
        status=room.status,
        created_at=rfc3339(room.created_at),
        title=room.title,
        scheduled_for=rfc3339(room.scheduled_for) if room.scheduled_for else None,
    )


def invite_view(invite: Invite, url: str | None) -> InviteView:
    """An invite; ``url`` of its page."""
    return InviteView(
        id=invite.id,
        role=invite.role,
        created_at=rfc3339(invite.created_at),
        expires_at=rfc3339(invite.expires_at),
        max_uses=invite.max_uses,
        uses=invite.uses,
        url=url,
        has_password=invite.password_hash is not None,
    )


def session_view(session: Session) -> SessionView:
    """A session."""
    return SessionView(
        id=session.id,
        room_id=session.room_id,
        start_time=rfc3339(session.start_time),
        end_time=rfc3339(session.end_time) if session.end_time else None,
        recording_url=session.recording_url,
    )


def recording_view(recording: Recording, link: Link | None) -> RecordingView:
    """A recording; ``link`` leads to its file."""
    return RecordingView(
        id=recording.id,
        session_id=recording.session_id,
        kind=recording.kind,
        status=recording.status,
        url=link.url if link else None,
        duration=recording.duration if recording.status == "ready" else 0.0,
        created_at=rfc3339(recording.created_at),
        expires_at=rfc3339(link.expires_at) if link else None,
        ended_at=rfc3339(recording.ended_at) if recording.ended_at else None,
        recording_id=recording.parent_id,
        user_id=recording.user_id,
        user_name=recording.user_name,
        source=recording.source,
        offset=recording.offset,
        layout=recording.layout,
        size=recording.size,
        error=recording.error,
        progress=_progress(recording),
    )


def _progress(recording: Recording) -> RecordingProgress | None:
    if recording.stage is None:
        return None
    expected_at = rfc3339(recording.expected_at) if recording.expected_at else None
    return RecordingProgress(stage=recording.stage, fraction=recording.progress, expected_at=expected_at)
