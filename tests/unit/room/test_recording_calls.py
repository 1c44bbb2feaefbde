"""Recordings that are started and stopped: what is asked of SQL and Redis, in which order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from tertulia.contract.events import RecordingBegun
from tertulia.contract.settings import Settings
from tertulia.errors import AlreadyRecording, Forbidden, NoSession, Unavailable
from tertulia.ids import ConnectionId, NodeId, RecordingId
from tertulia.room import effects, inputs, steps
from tertulia.room.answers import Begun, RecordingOver
from tertulia.room.messages import EventMessage
from tests.unit.room.core import SESSION, Core, node
from tests.unit.room.recordings import N1, N2, ONE, TWO, core_of, recorded, refused, says, stopped

# --- start


def _start(core: Core, recording: RecordingId = ONE) -> None:
    core.give(inputs.StartRecording(7, recording, "speaker", "key 1"))


def test_a_start_is_in_sql_first_then_in_redis() -> None:
    core = Core(topology="sfu")
    _start(core)
    core.answer(steps.ReadRecord, core.record)
    started = core.step(steps.StartRecording)
    assert (started.recording, started.session_id, started.layout) == (ONE, SESSION, "speaker")
    assert not core.asks(steps.BeginRecording)
    core.answer(steps.StartRecording, None)
    assert core.step(steps.BeginRecording) == steps.BeginRecording(recording=ONE, session_id=SESSION)
    assert core.of(effects.Resolve) == []
    core.answer(steps.BeginRecording, Begun.BEGUN)
    assert core.of(effects.Resolve) == [effects.Resolve(7, True)]
    [log] = core.of(effects.Log)
    assert (log.fields["recording"], log.fields["by"], log.is_warning) == (ONE, "key 1", False)


def test_a_host_starts_and_stops() -> None:
    core = core_of("ann")
    core.call("a", "StartRecording")
    core.answer(steps.ReadRecord, core.record)
    recording = core.step(steps.StartRecording).recording
    core.answer(steps.StartRecording, None)
    core.answer(steps.BeginRecording, Begun.BEGUN)
    assert core.answers("a") == [RecordingBegun(recording_id=recording)]
    core.call("a", "StopRecording")
    core.answer(steps.ReadRecord, replace(core.record, recording=recording))
    assert core.step(steps.StopRecording).recording == recording
    core.answer(steps.StopRecording, None)
    assert stopped(core) == [(N1, recording)]  # at once
    core.answer(steps.EndRecording, RecordingOver(N1))
    assert core.of(effects.Reply)[-1] == effects.Reply(ConnectionId("a"), target=recording)
    assert len(core.answers("a")) == 2


def test_stopping_nothing_is_no_error() -> None:
    core = core_of("ann")
    core.call("a", "StopRecording")
    core.answer(steps.ReadRecord, core.record)
    assert len(core.answers("a")) == 1
    assert core.open == {}


@pytest.mark.parametrize("event", ["StartRecording", "StopRecording"])
def test_only_a_host_may(event: str) -> None:
    core = core_of("ann", "bob")
    core.call("b", event)
    assert core.answers("b") == [Forbidden]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"settings": Settings()}, Forbidden),
        ({"settings": Settings(is_recording_enabled=True, topology="p2p")}, Forbidden),
        ({"session_id": None}, NoSession),
        ({"recording": TWO}, AlreadyRecording),
    ],
)
def test_what_may_not_be_recorded_is_refused(fields: dict[str, Any], error: type[Exception]) -> None:
    core = Core(topology="sfu")
    _start(core)
    core.answer(steps.ReadRecord, replace(core.record, **fields))
    assert refused(core) == [error]
    assert core.open == {}


def test_the_same_start_made_again_goes_on() -> None:
    core = Core(topology="sfu")
    _start(core)
    core.answer(steps.ReadRecord, replace(core.record, recording=ONE))
    core.answer(steps.StartRecording, None)
    core.answer(steps.BeginRecording, Begun.BEGUN)
    assert len(core.of(effects.Resolve)) == 1


def test_a_start_that_finds_no_meeting_is_withdrawn() -> None:
    core = Core(topology="sfu")
    _start(core)
    core.answer(steps.ReadRecord, core.record)
    core.answer(steps.StartRecording, None)
    core.answer(steps.BeginRecording, Begun.NO_MEETING)
    assert core.step(steps.WithdrawRecording).recording == ONE
    core.answer(steps.WithdrawRecording, None)
    assert refused(core) == [NoSession]


@pytest.mark.parametrize("kind", [steps.ReadRecord, steps.StartRecording, steps.BeginRecording])
def test_a_start_that_is_not_answered_is_refused(kind: type[steps.Step]) -> None:
    core = Core(topology="sfu")
    _start(core)
    for step, answer in ((steps.ReadRecord, core.record), (steps.StartRecording, None)):
        if step is kind:
            break
        core.answer(step, answer)
    core.fail(kind, Unavailable("away"))
    assert refused(core) == [Unavailable]
    assert core.open == {}


# --- stop


def _stop(core: Core) -> None:
    core.give(inputs.StopRecording(8, ONE, "key 1"))
    core.answer(steps.StopRecording, None)


def test_a_stop_by_a_hub_without_members_tells_the_node_that_redis_names() -> None:
    core = Core(topology="sfu")
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    _stop(core)
    assert stopped(core) == []
    core.answer(steps.EndRecording, RecordingOver(N2))
    assert stopped(core) == [(N2, ONE)]
    assert core.of(effects.Resolve) == [effects.Resolve(8, True)]


def test_a_stop_without_a_state_tells_every_node() -> None:
    core = Core(topology="sfu")
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    _stop(core)
    core.answer(steps.EndRecording, None)
    assert stopped(core) == [(N1, ONE), (N2, ONE)]
    assert core.of(effects.Resolve) == [effects.Resolve(8, True)]


def test_a_stop_that_redis_does_not_answer_is_refused_and_every_node_told() -> None:
    core = Core(topology="sfu")
    core.nodes.refresh([node("n1")], core.now)
    _stop(core)
    core.fail(steps.EndRecording, Unavailable("away"))
    assert stopped(core) == [(N1, ONE)]
    assert refused(core) == [Unavailable]


def test_between_the_stop_and_the_channel_nobody_is_recorded_any_more() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    _stop(core)
    core.clear()
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    core.give(inputs.Sweep())
    assert set(recorded(core).values()) == {None}


# --- trouble


def _trouble(recording: RecordingId, reason: str, node: NodeId = N1) -> inputs.Message:
    """A node tells everyone what is wrong."""
    payload = Raw(msgspec.json.encode({"recordingId": recording, "reason": reason}))
    return inputs.Message(EventMessage(origin=node, event="RecordingTrouble", payload=payload))


@pytest.mark.parametrize("reason", ["disk_full", "disk_error"])
def test_a_recording_that_cannot_be_written_is_stopped_with_the_reason(reason: str) -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.clear()
    core.give(_trouble(ONE, reason))
    assert core.events("a") == ["RecordingTrouble"]
    step = core.step(steps.StopRecording)
    assert step.recording == ONE
    assert "disk" in (step.error or "")
    core.answer(steps.StopRecording, None)
    assert stopped(core) == [(N1, ONE)]
    core.answer(steps.EndRecording, RecordingOver(N1))
    core.give(says(None))
    core.clear()
    core.give(inputs.Sweep())
    assert [type(run.step) for run in core.of(effects.Run)] == [steps.Expire], "once is enough"


@pytest.mark.parametrize(
    "message",
    [_trouble(ONE, "disk_slow"), _trouble(TWO, "disk_full"), _trouble(ONE, "disk_full", N2), _trouble(ONE, "new")],
)
def test_gaps_other_recordings_and_other_nodes_stop_nothing(message: inputs.Message) -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.give(message)
    core.give(inputs.Sweep())
    assert steps.StopRecording not in [type(run.step) for run in core.of(effects.Run)]


def test_a_stop_for_want_of_disk_is_tried_again_until_sql_has_it() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.give(_trouble(ONE, "disk_full"))
    core.give(inputs.Sweep())
    assert [type(run.step) for run in core.of(effects.Run)].count(steps.StopRecording) == 1, "while it is asked"
    core.fail(steps.StopRecording, Unavailable("away"))
    core.give(inputs.Sweep())
    core.answer(steps.StopRecording, None)
    assert (N1, ONE) in stopped(core)
