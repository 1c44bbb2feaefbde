"""Recordings. Those that exist can be listed and deleted; this version has no recorder, so none can be started."""

from __future__ import annotations

from tertulia.errors import Forbidden, NoSession
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.targets import OfRecording, OfRoom
from tertulia.rest.views import recording_view

_NO_RECORDER = "this server has no recorder, so nothing can be recorded yet"


async def list_recordings(call: Call[None], about: OfRoom) -> Answer:
    """The room's recordings, newest first."""
    recordings = await call.services.recordings.of_room(about.room.id)
    return Answer(200, [recording_view(recording) for recording in recordings])


async def check_start(asked: Asked[None], about: OfRoom) -> None:
    """Raises Forbidden: recording is not enabled; NoSession: there is no meeting."""
    if not about.room.settings.is_recording_enabled:
        raise Forbidden("recording is not enabled in this room: set settings.isRecordingEnabled")
    if await asked.reads.participant_count(about.room.id) is None:
        raise NoSession("there is no meeting in this room now")


async def start(_call: Call[None], _about: OfRoom) -> Answer:
    """Raises NoSession."""
    raise NoSession(_NO_RECORDER)


async def stop(_call: Call[None], _about: OfRecording) -> Answer:
    """Raises NoSession."""
    raise NoSession(_NO_RECORDER)


async def delete(call: Call[None], about: OfRecording) -> Answer:
    """Deletes a recording."""
    await call.services.recordings.delete(about.room.id, about.recording.id, call.services.now())
    return Answer(204)
