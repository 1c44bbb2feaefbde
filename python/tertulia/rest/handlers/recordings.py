"""Recordings."""

from __future__ import annotations

import structlog

from tertulia.contract.answers import RecordingStarted, RecordingView
from tertulia.contract.requests import ComposeRecording, StartRecording
from tertulia.db.models import Recording
from tertulia.errors import AlreadyRecording, NoSession, NotFound
from tertulia.ids import RecordingId
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.rest.targets import OfRecording, OfRoom
from tertulia.rest.views import recording_view
from tertulia.room.permissions import check_recordable

_log = structlog.get_logger(__name__)


async def list_recordings(call: Call[None], about: OfRoom) -> Answer:
    """The room's recordings, newest first."""
    recordings = await call.services.recordings.of_room(about.room.id)
    return Answer(200, [await _view(call, recording) for recording in recordings])


async def get(call: Call[None], about: OfRecording) -> Answer:
    """The recording."""
    return Answer(200, await _view(call, about.recording))


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


async def check_compose(_asked: Asked[ComposeRecording], about: OfRecording) -> None:
    """Raises NotFound: it is a track, of which there is no film; AlreadyRecording: its film is yet to come."""
    if about.recording.kind == "track":
        raise NotFound("this is a track: compose the recording that it is of")
    if about.recording.status == "recording":
        raise AlreadyRecording("stop the recording first: its film is made when it has ended")


async def compose(call: Call[ComposeRecording], about: OfRecording) -> Answer:
    """Has another film made of the same raw files."""
    services, film = call.services, RecordingId(call.asked.made_id)
    made = await services.recordings.compose(film, about.recording, call.body.layout, services.now())
    return Answer(202, RecordingStarted(id=made.id, status="processing"))


async def delete(call: Call[None], about: OfRecording) -> Answer:
    """Deletes a recording; one that is running is stopped first."""
    services, room, recording = call.services, about.room.id, about.recording
    if recording.status == "recording":
        await services.hub.stop_recording(room, recording.id, call.caller.name)
    await services.recordings.delete(room, recording.id, services.now())
    _log.info("a recording is deleted", room=room, recording=recording.id, by=call.caller.name)
    return Answer(204)


async def _view(call: Call[None], recording: Recording) -> RecordingView:
    if recording.status != "ready" or recording.path is None:
        return recording_view(recording, None)
    is_sealed = recording.key_id is not None
    link = await call.services.links.link(call.base, recording.path, call.services.clock.now(), is_sealed=is_sealed)
    return recording_view(recording, link)
