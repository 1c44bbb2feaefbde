"""Recordings: who is told, who is recorded, and what is asked of SQL and Redis in which order."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from tertulia.contract.events import RecordingBegun
from tertulia.contract.settings import Settings
from tertulia.errors import AlreadyRecording, Forbidden, NoSession, Unavailable
from tertulia.ids import ConnectionId, NodeId, RecordingId, SeatId, SessionId, UserId, transport_id
from tertulia.room import commands, effects, inputs, steps
from tertulia.room.answers import Begun, KeptAlive, Ongoing, Reading, RecordingOver, Restored
from tertulia.room.messages import EndedMessage, EventMessage, NodeMessage, OptOutMessage, ReadMessage, RecordingMessage
from tertulia.room.tap import SAID_AGAIN_FOR
from tests.unit.room.core import HERE, ROOM, SESSION, THERE, Core, came, member, node
from tests.world.redis import ModelState, Redis

ONE, TWO = RecordingId("one"), RecordingId("two")
N1, N2 = NodeId("n1"), NodeId("n2")


def _core(*users: str) -> Core:
    """A room on an SFU node, with these members, the first of whom is a host. The connection of ann is a."""
    core = Core(topology="sfu")
    core.node = N1
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    for user in users or ("ann", "bob"):
        core.join(user, user[0], role="host" if user == "ann" else "attendee")
    core.clear()
    return core


def _says(recording: RecordingId | None, session: SessionId = SESSION) -> inputs.Message:
    """The channel tells which recording goes on in a session."""
    return inputs.Message(
        RecordingMessage(origin=THERE, session_id=session, is_recording=recording is not None, recording_id=recording)
    )


def _transport(core: Core, user: str, on: NodeId = N1) -> str:
    return transport_id(core.members[user].seat, on)


def _recorded(core: Core) -> dict[str, RecordingId | None]:
    """What the nodes were told last of each transport, offers included."""
    told: dict[str, RecordingId | None] = {}
    for tell in core.of(effects.Tell):
        if isinstance(tell.command, commands.Record | commands.Offer):
            told[tell.command.transport] = tell.command.recording
        elif isinstance(tell.command, commands.StopRecording):
            told = {t: None if recording == tell.command.recording else recording for t, recording in told.items()}
    return told


def _stopped(core: Core) -> list[tuple[NodeId, RecordingId]]:
    """The ends that nodes were told of."""
    return [
        (tell.node, tell.command.recording)
        for tell in core.of(effects.Tell)
        if isinstance(tell.command, commands.StopRecording)
    ]


def _payloads(core: Core, name: str) -> list[Any]:
    return [e.event.value() for e in core.of(effects.Deliver) if e.event.name == name]


def _refused(core: Core) -> list[type[Exception]]:
    return [type(e.error) for e in core.of(effects.Reject)]


# --- who is recorded


def test_everyone_is_told_before_anyone_is_recorded() -> None:
    core = _core()
    made = core.give(_says(ONE))
    assert [type(effect) for effect in made] == [effects.Deliver, effects.Tell, effects.Tell]
    assert core.events("a") == core.events("b") == ["RecordingChanged"]
    [changed] = _payloads(core, "RecordingChanged")
    assert (changed.is_recording, changed.recording_id) == (True, ONE)
    assert _recorded(core) == {_transport(core, "ann"): ONE, _transport(core, "bob"): ONE}


def test_at_the_end_the_node_is_told_once_for_all() -> None:
    core = _core()
    core.give(_says(ONE))
    core.clear()
    core.give(_says(None))
    assert _stopped(core) == [(N1, ONE)]
    [changed] = _payloads(core, "RecordingChanged")
    assert (changed.is_recording, changed.recording_id) == (False, None)


def test_one_recording_may_follow_another_at_once() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.give(_says(TWO))
    assert _stopped(core) == [(N1, ONE)]
    assert _recorded(core) == {_transport(core, "ann"): TWO}


def test_the_same_again_is_told_to_nobody() -> None:
    core = _core()
    core.give(_says(ONE))
    assert core.give(_says(ONE)) == []


def test_an_offer_says_what_the_peer_is_recorded_in_and_whose_it_is() -> None:
    core = _core()
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    core.give(_says(ONE))
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    offers = [t.command for t in core.of(effects.Tell) if isinstance(t.command, commands.Offer)]
    assert [(o.user_id, o.name, o.recording) for o in offers] == [("ann", "ann", None), ("bob", "bob", ONE)]


def test_a_late_joiner_is_told_by_the_result() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    result = core.join("bob", "b")
    assert (result.is_recording, result.recording_id) == (True, ONE)
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert _recorded(core)[_transport(core, "bob")] == ONE


def test_the_first_of_a_hub_is_told_what_redis_said() -> None:
    core = Core(topology="sfu")
    core.ask_to_join("ann", "a")
    core.answer(steps.Join, core.joined([], recording=ONE))
    assert core.result("a").recording_id == ONE


def test_a_room_without_an_sfu_has_nobody_to_tell() -> None:
    core = Core(topology="p2p")
    core.join("ann", "a")
    core.clear()
    assert [type(effect) for effect in core.give(_says(ONE))] == [effects.Deliver]


def test_after_a_move_the_recording_goes_on_and_ends_on_both_nodes() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.give(inputs.Message(NodeMessage(origin=THERE, sfu_node=N2, sfu_region="r")))
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert _recorded(core)[_transport(core, "ann", N2)] == ONE
    core.give(_says(None))
    assert _stopped(core) == [(N1, ONE), (N2, ONE)]


# --- who is not


def test_who_has_opted_out_is_not_recorded() -> None:
    core = _core("ann")
    core.give(came(member("bob", "b", HERE, recording_opt_out=True)))
    core.give(_says(ONE))
    assert _recorded(core) == {_transport(core, "ann"): ONE}


def test_opting_out_takes_effect_before_it_is_answered_and_everyone_sees_it() -> None:
    core = _core()
    core.give(_says(ONE))
    core.clear()
    core.call("b", "SetRecordingOptOut", opt_out=True)
    assert core.step(steps.SetRecordingOptOut).opt_out
    made = core.answer(steps.SetRecordingOptOut, True)
    assert [type(effect) for effect in made] == [effects.Tell, effects.Deliver, effects.Reply]
    assert _recorded(core) == {_transport(core, "bob"): None}
    assert core.events("a") == core.events("b") == ["RecordingOptOutChanged"]
    assert core.members["bob"].view().recording_opt_out
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert _recorded(core) == {_transport(core, "bob"): None}
    core.call("b", "SetRecordingOptOut", opt_out=False)
    made = core.answer(steps.SetRecordingOptOut, True)
    assert [type(effect) for effect in made] == [effects.Deliver, effects.Tell, effects.Reply]
    assert _recorded(core) == {_transport(core, "bob"): ONE}


def test_opting_out_twice_is_told_to_nobody() -> None:
    core = _core()
    core.call("b", "SetRecordingOptOut", opt_out=True)
    assert [type(effect) for effect in core.answer(steps.SetRecordingOptOut, False)] == [effects.Reply]


def test_the_hub_that_holds_the_seat_tells_the_node() -> None:
    core = _core("ann")
    core.give(came(member("eve", "e", THERE)))
    core.give(_says(ONE))
    core.clear()
    core.give(inputs.Message(OptOutMessage(origin=THERE, user_id=UserId("eve"), opt_out=True)))
    assert core.events("a") == ["RecordingOptOutChanged"]
    assert core.of(effects.Tell) == []


def test_a_newcomer_may_have_opted_out_before() -> None:
    core = _core("ann")
    core.join("bob", "b", [member("eve", "e", recording_opt_out=True)])
    assert {p.user_id: p.recording_opt_out for p in core.result("b").participants} == {"ann": False, "eve": True}


def test_who_is_away_is_not_recorded_in_what_begins_meanwhile() -> None:
    core = _core()
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.give(_says(ONE))
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert _recorded(core) == {_transport(core, "ann"): ONE, _transport(core, "bob"): None}


def test_who_returns_is_told_then_recorded() -> None:
    core = _core()
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.give(_says(ONE))
    core.clear()
    bob = core.members["bob"]
    core.ask_to_join("bob", "b2", resume_token="r")
    joined = core.joined([core.members["ann"]], replaced=bob, resumed=True)
    core.answer(steps.Join, replace(joined, participant=replace(joined.participant, seat=bob.seat)))
    assert core.result("b2").recording_id == ONE
    reply = next(i for i, e in enumerate(core.effects) if isinstance(e, effects.Reply))
    tell = next(i for i, e in enumerate(core.effects) if isinstance(e, effects.Tell))
    assert reply < tell
    assert _recorded(core) == {_transport(core, "bob"): ONE}


def test_who_was_told_before_the_connection_broke_is_recorded_on() -> None:
    core = _core()
    core.give(_says(ONE))
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.clear()
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert _recorded(core) == {_transport(core, "bob"): ONE}


# --- commands may be lost


def test_at_each_sweep_the_node_is_told_again() -> None:
    core = _core()
    core.call("b", "SetRecordingOptOut", opt_out=True)
    core.answer(steps.SetRecordingOptOut, True)
    core.give(_says(ONE))
    core.clear()
    core.give(inputs.Sweep())
    assert _recorded(core) == {_transport(core, "ann"): ONE, _transport(core, "bob"): None}


def test_an_end_is_said_again_for_a_while() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.give(_says(None))
    core.clear()
    core.give(inputs.Sweep())
    assert _stopped(core) == [(N1, ONE)]
    core.clear()
    core.now += SAID_AGAIN_FOR
    core.give(inputs.Sweep())
    assert _stopped(core) == []


def test_without_a_recording_nodes_are_told_nothing() -> None:
    core = _core()
    core.call("a", "SetRecordingOptOut", opt_out=True)
    core.answer(steps.SetRecordingOptOut, True)
    core.give(inputs.Sweep())
    assert [type(e.command) for e in core.of(effects.Tell)] == [commands.Seated]


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
    core = _core("ann")
    core.give(_says(ONE))
    core.clear()
    _lose_state(core, RESTORED)
    assert core.events("a") == []
    assert _stopped(core) == []


def test_what_sql_alone_knew_is_found_by_a_reading() -> None:
    core = _core("ann")
    _lose_state(core, RESTORED)
    assert core.events("a") == []  # the answer may be older than what the channel has said
    mark = core.step(steps.Read).mark
    summary = core.summary(incarnation="new", recording=ONE)
    core.answer(steps.Read, Reading(summary=summary, participants=[core.members["ann"]]))
    core.give(inputs.Message(ReadMessage(origin=HERE, mark=mark)))
    assert core.events("a") == ["RecordingChanged"]
    assert _recorded(core) == {_transport(core, "ann"): ONE}


def test_a_join_that_makes_a_lost_state_by_an_older_record_does_not_end_the_recording() -> None:
    """The join goes through another hub, which had read SQL before the recording began."""
    core = _core("ann")
    core.give(_says(ONE))
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
    assert _stopped(core) == []
    core.give(inputs.Sweep())
    assert _recorded(core) == {_transport(core, "ann"): ONE}


def test_a_gap_does_not_hide_the_end() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.clear()
    core.give(inputs.Gap())
    core.answer(steps.Read, Reading(summary=core.summary(), participants=[core.members["ann"]]))
    assert _stopped(core) == [(N1, ONE)]


def test_a_state_made_anew_by_a_join_has_the_recording_of_sql() -> None:
    core = Core(topology="sfu")
    core.record = replace(core.record, recording=ONE)
    core.ask_to_join("ann", "a")
    assert core.step(steps.Join).placement.recording == ONE


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
    core = _core("ann")
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
    assert _stopped(core) == [(N1, recording)]  # at once
    core.answer(steps.EndRecording, RecordingOver(N1))
    assert len(core.answers("a")) == 2


def test_stopping_nothing_is_no_error() -> None:
    core = _core("ann")
    core.call("a", "StopRecording")
    core.answer(steps.ReadRecord, core.record)
    assert len(core.answers("a")) == 1
    assert core.open == {}


@pytest.mark.parametrize("event", ["StartRecording", "StopRecording"])
def test_only_a_host_may(event: str) -> None:
    core = _core("ann", "bob")
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
    assert _refused(core) == [error]
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
    assert _refused(core) == [NoSession]


@pytest.mark.parametrize("kind", [steps.ReadRecord, steps.StartRecording, steps.BeginRecording])
def test_a_start_that_is_not_answered_is_refused(kind: type[steps.Step]) -> None:
    core = Core(topology="sfu")
    _start(core)
    for step, answer in ((steps.ReadRecord, core.record), (steps.StartRecording, None)):
        if step is kind:
            break
        core.answer(step, answer)
    core.fail(kind, Unavailable("away"))
    assert _refused(core) == [Unavailable]
    assert core.open == {}


# --- stop


def _stop(core: Core) -> None:
    core.give(inputs.StopRecording(8, ONE, "key 1"))
    core.answer(steps.StopRecording, None)


def test_a_stop_by_a_hub_without_members_tells_the_node_that_redis_names() -> None:
    core = Core(topology="sfu")
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    _stop(core)
    assert _stopped(core) == []
    core.answer(steps.EndRecording, RecordingOver(N2))
    assert _stopped(core) == [(N2, ONE)]
    assert core.of(effects.Resolve) == [effects.Resolve(8, True)]


def test_a_stop_without_a_state_tells_every_node() -> None:
    core = Core(topology="sfu")
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    _stop(core)
    core.answer(steps.EndRecording, None)
    assert _stopped(core) == [(N1, ONE), (N2, ONE)]
    assert core.of(effects.Resolve) == [effects.Resolve(8, True)]


def test_a_stop_that_redis_does_not_answer_is_refused_and_every_node_told() -> None:
    core = Core(topology="sfu")
    core.nodes.refresh([node("n1")], core.now)
    _stop(core)
    core.fail(steps.EndRecording, Unavailable("away"))
    assert _stopped(core) == [(N1, ONE)]
    assert _refused(core) == [Unavailable]


def test_between_the_stop_and_the_channel_nobody_is_recorded_any_more() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    _stop(core)
    core.clear()
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    core.give(inputs.Sweep())
    assert set(_recorded(core).values()) == {None}


# --- trouble


def _trouble(recording: RecordingId, reason: str, node: NodeId = N1) -> inputs.Message:
    """A node tells everyone what is wrong."""
    payload = Raw(msgspec.json.encode({"recordingId": recording, "reason": reason}))
    return inputs.Message(EventMessage(origin=node, event="RecordingTrouble", payload=payload))


@pytest.mark.parametrize("reason", ["disk_full", "disk_error"])
def test_a_recording_that_cannot_be_written_is_stopped_with_the_reason(reason: str) -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.clear()
    core.give(_trouble(ONE, reason))
    assert core.events("a") == ["RecordingTrouble"]
    step = core.step(steps.StopRecording)
    assert step.recording == ONE
    assert "disk" in (step.error or "")
    core.answer(steps.StopRecording, None)
    assert _stopped(core) == [(N1, ONE)]
    core.answer(steps.EndRecording, RecordingOver(N1))
    core.give(_says(None))
    core.clear()
    core.give(inputs.Sweep())
    assert [type(run.step) for run in core.of(effects.Run)] == [steps.Expire], "once is enough"


@pytest.mark.parametrize(
    "message",
    [_trouble(ONE, "disk_slow"), _trouble(TWO, "disk_full"), _trouble(ONE, "disk_full", N2), _trouble(ONE, "new")],
)
def test_gaps_other_recordings_and_other_nodes_stop_nothing(message: inputs.Message) -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.give(message)
    core.give(inputs.Sweep())
    assert steps.StopRecording not in [type(run.step) for run in core.of(effects.Run)]


def test_a_stop_for_want_of_disk_is_tried_again_until_sql_has_it() -> None:
    core = _core("ann")
    core.give(_says(ONE))
    core.give(_trouble(ONE, "disk_full"))
    core.give(inputs.Sweep())
    assert [type(run.step) for run in core.of(effects.Run)].count(steps.StopRecording) == 1, "while it is asked"
    core.fail(steps.StopRecording, Unavailable("away"))
    core.give(inputs.Sweep())
    core.answer(steps.StopRecording, None)
    assert (N1, ONE) in _stopped(core)


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
    assert _refused(core) == [Unavailable]


def test_the_recording_of_another_session_is_not_ended_with_this_one() -> None:
    """This hub has not heard yet that its session is over, and that another one has begun and is recorded."""
    core = _core()
    core.give(_says(ONE, SessionId("another")))
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="ended")))
    assert core.events("a") == ["RoomEnded"]
    assert not any(isinstance(e.command, commands.StopRecording) for e in core.of(effects.Tell))


def test_at_the_end_of_the_meeting_each_hub_closes_its_own_peers_and_the_recording() -> None:
    """An offer of theirs may come behind the word of the hub that ended the meeting."""
    core = _core()
    core.give(_says(ONE))
    core.clear()
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="host")))
    told = [type(tell.command) for tell in core.of(effects.Tell)]
    assert told == [commands.StopRecording, commands.Close, commands.Close]
    assert _stopped(core) == [(N1, ONE)]


def test_the_end_of_a_meeting_is_the_end_of_its_recording_whoever_lives_to_say_so() -> None:
    core = _core()
    core.give(_says(ONE))
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="host")))
    assert core.step(steps.StopRecording).recording == ONE
    core.answer(steps.StopRecording, None)
    assert core.step(steps.EndRecording).recording == ONE


def test_the_end_of_a_meeting_without_a_recording_stops_none() -> None:
    core = _core()
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="host")))
    assert not core.asks(steps.StopRecording)
