"""What of a row is shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tertulia.contract.fields import RecordingStatus
from tertulia.db.models import Recording
from tertulia.ids import RecordingId, RoomId, SessionId
from tertulia.rest.views import recording_view


@pytest.mark.parametrize(("status", "shown"), [("ready", 12.5), ("processing", 0.0)])
def test_a_film_that_is_made_again_has_no_duration_until_it_is_ready(status: RecordingStatus, shown: float) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    recording = Recording(
        id=RecordingId("1"),
        session_id=SessionId("s"),
        room_id=RoomId("r"),
        kind="composite",
        status=status,
        path="recordings/r/1/grid.mp4",
        duration=12.5,
        created_at=at,
        ended_at=at,
        parent_id=None,
        layout="grid",
        user_id=None,
        user_name=None,
        source=None,
        offset=None,
        size=1000,
        sha256="ab" * 32,
        key_id=None,
        error=None,
        stage=None,
        progress=1.0,
        expected_at=None,
        remake_failed=False,
    )
    assert recording_view(recording, None).duration == shown
