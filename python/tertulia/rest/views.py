"""Rows as the API shows them."""

from __future__ import annotations

from tertulia.contract import RecordingView, RoomView, SessionView, UserView
from tertulia.db.models import Recording, Room, Session, User
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


def recording_view(recording: Recording) -> RecordingView:
    """A recording, without a URL: whoever can sign one adds it."""
    return RecordingView(
        id=recording.id,
        session_id=recording.session_id,
        kind=recording.kind,
        status=recording.status,
        url=None,
        duration=recording.duration,
        created_at=rfc3339(recording.created_at),
        expires_at=None,
    )
