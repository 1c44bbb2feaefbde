"""Recordings."""

from __future__ import annotations

from tertulia.contract import RecordingStarted, StartRecording
from tertulia.errors import AlreadyRecording, NoSession
from tertulia.ids import RecordingId
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.targets import OfRecording, OfRoom
from tertulia.rest.views import recording_view
from tertulia.room.permissions import check_recordable


async def list_recordings(call: Call[None], about: OfRoom) -> Answer:
    """The room's recordings, newest first."""
    recordings = await call.services.recordings.of_room(about.room.id)
    return Answer(200, [recording_view(recording) for recording in recordings])


async def check_start(asked: Asked[StartRecording], about: OfRoom) -> None:
    """Raises Forbidden: the room cannot be recorded; NoSession: there is no meeting; AlreadyRecording."""
    check_recordable(about.room.settings)
    if await asked.reads.participant_count(about.room.id) is None:
        raise NoSession("there is no meeting in this room now")
    if about.room.recording_id not in (None, asked.made_id):
        raise AlreadyRecording("the meeting is being recorded already: stop that recording first")


async def start(call: Call[StartRecording], about: OfRoom) -> Answer:
    """Begins a recording. The same request made again (Idempotency-Key) goes on with the same recording."""
    recording = RecordingId(call.asked.made_id)
    await call.services.hub.start_recording(about.room.id, recording, call.body.layout, call.caller.name)
    return Answer(202, RecordingStarted(id=recording))


async def stop(call: Call[None], about: OfRecording) -> Answer:
    """Ends a recording. Also one that has ended: a stop that was broken off is completed."""
    await call.services.hub.stop_recording(about.room.id, about.recording.id, call.caller.name)
    return Answer(202)


async def delete(call: Call[None], about: OfRecording) -> Answer:
    """Deletes a recording."""
    await call.services.recordings.delete(about.room.id, about.recording.id, call.services.now())
    return Answer(204)
