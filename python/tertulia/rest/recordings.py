"""Recordings. What is in the table can be listed and deleted; this version has no recorder, so none can be started."""

from __future__ import annotations

from tertulia.errors import Forbidden, NoSession
from tertulia.ids import RecordingId
from tertulia.rest.callers import must_host
from tertulia.rest.operation import Answer, Call
from tertulia.rest.rooms import room_of
from tertulia.rest.views import recording_view

_NO_RECORDER = "no recorder runs on this server, so nothing can be recorded yet"


async def list_recordings(call: Call) -> Answer:
    room = await room_of(call)
    must_host(call.caller, room.id)
    call.admit()
    return Answer(200, [recording_view(recording) for recording in await call.services.directory.recordings(room.id)])


async def start_recording(call: Call) -> Answer:
    room = await room_of(call)
    must_host(call.caller, room.id)
    if not room.settings.is_recording_enabled:
        raise Forbidden("recording is not enabled in this room: set settings.isRecordingEnabled")
    if await call.services.rooms.summary(room.id) is None:
        raise NoSession("nobody is meeting in this room")
    raise NoSession(_NO_RECORDER)


async def stop_recording(call: Call) -> Answer:
    room = await room_of(call)
    await call.services.directory.recording(room.id, RecordingId(call.id("recording_id")))
    must_host(call.caller, room.id)
    raise NoSession(_NO_RECORDER)


async def delete_recording(call: Call) -> Answer:
    room = await room_of(call)
    recording = await call.services.directory.recording(room.id, RecordingId(call.id("recording_id")))
    must_host(call.caller, room.id)
    call.admit()
    await call.services.directory.delete_recording(room.id, recording.id)
    return Answer(204)
