"""A room's recording, on a real Redis 7, Valkey and Redis Cluster."""

from __future__ import annotations

from tertulia.ids import NodeId, RecordingId, SeatId, SessionId, new_uuid
from tertulia.redis.client import Redis
from tertulia.room.answers import Begun, RecordingOver
from tertulia.room.steps import JoinSeat, KnownRoom, Placement
from tertulia.state import keys
from tertulia.state.rooms import RoomState
from tests.integration.state.rooms import (
    join,
    new_connection,
    new_room,
    new_user,
    now_ms,
)


async def test_restore_adds_a_recording_that_is_not_over(rooms: RoomState) -> None:
    room, one = new_room(), RecordingId(new_uuid())
    session = (await join(rooms, room, new_user())).session_id
    known = KnownRoom(region="us-east-1", node=None, session_id=session, recording=one)
    done = await rooms.restore(room, known, [], "x")
    assert (done.created, done.recording) == (False, one)
    await rooms.end_recording(room, one)
    assert (await rooms.restore(room, known, [], "x")).recording is None


async def test_a_recording_that_is_over_never_begins_again(rooms: RoomState) -> None:
    room, one, two = new_room(), RecordingId(new_uuid()), RecordingId(new_uuid())
    session = (await join(rooms, room, new_user())).session_id
    for _ in range(2):
        assert await rooms.begin_recording(room, one, session) is Begun.BEGUN
    assert (await join(rooms, room, new_user())).recording == one
    assert await rooms.begin_recording(room, two, SessionId("another")) is Begun.NO_MEETING
    assert await rooms.begin_recording(room, two, session) is Begun.BEGUN  # in place of the other
    assert await rooms.begin_recording(room, one, session) is Begun.OVER
    for _ in range(2):
        assert await rooms.end_recording(room, two) == RecordingOver(NodeId("node-1"))
    assert await rooms.begin_recording(room, two, session) is Begun.OVER
    late = RecordingId(new_uuid())
    assert await rooms.end_recording(room, late) is not None
    assert await rooms.begin_recording(room, late, session) is Begun.OVER
    assert (await join(rooms, room, new_user())).recording is None


async def test_a_state_made_again_knows_the_recording(redis: Redis, rooms: RoomState) -> None:
    room = new_room()
    placement = Placement(
        region="r", node=None, session_id=SessionId("s"), recording=RecordingId("one"), incarnation="i"
    )
    seat = JoinSeat(
        user_id=new_user(),
        connection_id=new_connection(),
        display_name="Ada",
        role="host",
        is_muted=False,
        is_video_on=False,
        seat=SeatId("seat"),
        resume="r",
    )
    joined = await rooms.join(room, seat, max_participants=2, admitted_at_ms=now_ms(), placement=placement)
    assert joined.recording == "one"
    name = keys.room(room)
    assert await redis.call(name, "HMGET", name, "isRecording", "recordingId") == [b"true", b"one"]


async def test_who_opted_out_stays_out(rooms: RoomState) -> None:
    room, user = new_room(), new_user()
    joined = await join(rooms, room, user, recording_opt_out=True)
    assert joined.participant.recording_opt_out
    mine = (room, user, joined.participant.connection_id, joined.incarnation)
    assert await rooms.set_recording_opt_out(*mine, False)
    assert not await rooms.set_recording_opt_out(*mine, False)
    assert await rooms.set_recording_opt_out(*mine, True)
    again = await join(rooms, room, user)
    assert again.participant.recording_opt_out  # the seat is taken over with its state
    assert again.participant.seat != joined.participant.seat
