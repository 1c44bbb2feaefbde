"""Recordings after a loss, and where SQL and Redis disagree."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tertulia.errors import Unavailable
from tertulia.ids import ConnectionId, RecordingId, SeatId, UserId
from tertulia.room import effects, inputs, steps
from tertulia.room.answers import Begun, KeptAlive, Ongoing, Reading, RecordingOver, Restored
from tertulia.room.messages import ReadMessage
from tests.unit.room.core import HERE, ROOM, SESSION, THERE, Core
from tests.unit.room.recordings import N1, ONE, core_of, recorded, refused, says, stopped, transport
from tests.world.redis import Redis
from tests.world.scripts import ModelState

# --- what is known of it after a loss


def _lose_state(core: Core, restored: Restored) -> None:
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(ONE))
    assert core.step(steps.Restore).known.recording == ONE
    core.answer(steps.Restore, restored)


RESTORED = Restored(incarnation="new", region="r", node=N1, recording=ONE, created=True, displaced=[])
EVE = steps.JoinSeat(
    user_id=UserId("eve"),
    connection_id=ConnectionId("e"),
    display_name="eve",
    role="attendee",
    is_muted=False,
    is_video_on=False,
    seat=SeatId("seat of e"),
    resume="resume of e",
)
OLDER = steps.Placement(region="r", node=N1, session_id=SESSION, incarnation="new")


def test_a_lost_state_is_written_with_the_recording_that_sql_knows() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.clear()
    _lose_state(core, RESTORED)
    assert core.events("a") == []
    assert stopped(core) == []


def test_what_sql_alone_knew_is_found_by_a_reading() -> None:
    core = core_of("ann")
    _lose_state(core, RESTORED)
    assert core.events("a") == []  # the answer may be older than what the channel has said
    mark = core.step(steps.Read).mark
    summary = core.summary(incarnation="new", recording=ONE)
    core.answer(steps.Read, Reading(summary=summary, participants=[core.members["ann"]]))
    core.give(inputs.Message(ReadMessage(origin=HERE, mark=mark)))
    assert core.events("a") == ["RecordingChanged"]
    assert recorded(core) == {transport(core, "ann"): ONE}


def test_a_join_that_makes_a_lost_state_by_an_older_record_does_not_end_the_recording() -> None:
    """The join goes through another hub, which had read SQL before the recording began."""
    core = core_of("ann")
    core.give(says(ONE))
    core.clear()
    state = ModelState(Redis(lambda room, message: None, 1000), THERE, 90_000)
    state.join(ROOM, EVE, max_participants=None, admitted_at_ms=1000, placement=OLDER)
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(ONE))
    restore = core.step(steps.Restore)
    core.answer(steps.Restore, state.restore(ROOM, restore.known, restore.members, restore.new_incarnation))
    core.answer(steps.Read, state.read(ROOM, core.step(steps.Read).mark))
    assert core.events("a") == ["ParticipantJoined"]
    assert stopped(core) == []
    core.give(inputs.Sweep())
    assert recorded(core) == {transport(core, "ann"): ONE}


def test_a_gap_does_not_hide_the_end() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.clear()
    core.give(inputs.Gap())
    core.answer(steps.Read, Reading(summary=core.summary(), participants=[core.members["ann"]]))
    assert stopped(core) == [(N1, ONE)]


def test_a_state_made_anew_by_a_join_has_the_recording_of_sql() -> None:
    core = Core(topology="sfu")
    core.record = replace(core.record, recording=ONE)
    core.ask_to_join("ann", "a")
    assert core.step(steps.Join).placement.recording == ONE


# --- where SQL and Redis disagree


def _reap(core: Core, in_sql: RecordingId | None, in_redis: RecordingId | None) -> None:
    core.give(inputs.Reap(9, SESSION, in_sql, core.record.settings))
    core.answer(steps.Summary, core.summary(recording=in_redis))


@pytest.mark.parametrize("recording", [None, ONE])
def test_a_reaping_that_finds_the_same_does_nothing(recording: RecordingId | None) -> None:
    core = Core(topology="sfu")
    _reap(core, recording, recording)
    assert core.of(effects.Resolve) == [effects.Resolve(9, False)]
    assert core.open == {}


def test_a_start_that_is_in_sql_only_is_completed() -> None:
    core = Core(topology="sfu")
    _reap(core, ONE, None)
    core.answer(steps.ReadSession, Ongoing(ONE))
    assert core.step(steps.BeginRecording) == steps.BeginRecording(recording=ONE, session_id=SESSION)
    core.answer(steps.BeginRecording, Begun.BEGUN)
    assert core.of(effects.Resolve) == [effects.Resolve(9, False)]


def test_a_stop_that_is_in_sql_only_is_completed() -> None:
    core = Core(topology="sfu")
    _reap(core, None, ONE)
    core.answer(steps.ReadSession, Ongoing(None))
    assert core.step(steps.EndRecording).recording == ONE
    core.answer(steps.EndRecording, RecordingOver(N1))
    assert core.of(effects.Resolve) == [effects.Resolve(9, False)]


@pytest.mark.parametrize("session", [Ongoing(ONE), None])
def test_sql_is_asked_once_more_before_anything_is_changed(session: Ongoing | None) -> None:
    """The list of the reaping is older than what Redis said."""
    core = Core(topology="sfu")
    _reap(core, None, ONE)
    core.answer(steps.ReadSession, session)
    assert core.of(effects.Resolve) == [effects.Resolve(9, False)]
    assert core.open == {}


@pytest.mark.parametrize("kind", [steps.ReadSession, steps.EndRecording])
def test_a_repair_that_fails_is_left_to_the_next_reaping(kind: type[steps.Step]) -> None:
    core = Core(topology="sfu")
    _reap(core, None, ONE)
    if kind is steps.EndRecording:
        core.answer(steps.ReadSession, Ongoing(None))
    core.fail(kind, Unavailable("away"))
    assert refused(core) == [Unavailable]
