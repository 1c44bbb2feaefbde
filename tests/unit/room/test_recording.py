"""Recordings: who is told, and who is recorded."""

from __future__ import annotations

from msgspec.structs import replace

from tertulia.ids import ConnectionId, SessionId, UserId
from tertulia.room import commands, effects, inputs, steps
from tertulia.room.messages import EndedMessage, NodeMessage, OptOutMessage
from tertulia.room.tap import SAID_AGAIN_FOR
from tests.unit.room.core import HERE, SESSION, THERE, Core, came, member
from tests.unit.room.recordings import N1, N2, ONE, TWO, core_of, payloads, recorded, says, stopped, transport

# --- who is recorded


def test_everyone_is_told_before_anyone_is_recorded() -> None:
    core = core_of()
    made = core.give(says(ONE))
    assert [type(effect) for effect in made] == [effects.Deliver, effects.Tell, effects.Tell]
    assert core.events("a") == core.events("b") == ["RecordingChanged"]
    [changed] = payloads(core, "RecordingChanged")
    assert (changed.is_recording, changed.recording_id) == (True, ONE)
    assert recorded(core) == {transport(core, "ann"): ONE, transport(core, "bob"): ONE}


def test_at_the_end_the_node_is_told_once_for_all() -> None:
    core = core_of()
    core.give(says(ONE))
    core.clear()
    core.give(says(None))
    assert stopped(core) == [(N1, ONE)]
    [changed] = payloads(core, "RecordingChanged")
    assert (changed.is_recording, changed.recording_id) == (False, None)


def test_one_recording_may_follow_another_at_once() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.give(says(TWO))
    assert stopped(core) == [(N1, ONE)]
    assert recorded(core) == {transport(core, "ann"): TWO}


def test_the_same_again_is_told_to_nobody() -> None:
    core = core_of()
    core.give(says(ONE))
    assert core.give(says(ONE)) == []


def test_an_offer_says_what_the_peer_is_recorded_in_and_whose_it_is() -> None:
    core = core_of()
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    core.give(says(ONE))
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    offers = [t.command for t in core.of(effects.Tell) if isinstance(t.command, commands.Offer)]
    assert [(o.user_id, o.name, o.recording) for o in offers] == [("ann", "ann", None), ("bob", "bob", ONE)]


def test_a_late_joiner_is_told_by_the_result() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    result = core.join("bob", "b")
    assert (result.is_recording, result.recording_id) == (True, ONE)
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert recorded(core)[transport(core, "bob")] == ONE


def test_the_first_of_a_hub_is_told_what_redis_said() -> None:
    core = Core(topology="sfu")
    core.ask_to_join("ann", "a")
    core.answer(steps.Join, core.joined([], recording=ONE))
    assert core.result("a").recording_id == ONE


def test_a_room_without_an_sfu_has_nobody_to_tell() -> None:
    core = Core(topology="p2p")
    core.join("ann", "a")
    core.clear()
    assert [type(effect) for effect in core.give(says(ONE))] == [effects.Deliver]


def test_after_a_move_the_recording_goes_on_and_ends_on_both_nodes() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.give(inputs.Message(NodeMessage(origin=THERE, sfu_node=N2, sfu_region="r")))
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert recorded(core)[transport(core, "ann", N2)] == ONE
    core.give(says(None))
    assert stopped(core) == [(N1, ONE), (N2, ONE)]


# --- who is not


def test_who_has_opted_out_is_not_recorded() -> None:
    core = core_of("ann")
    core.give(came(member("bob", "b", HERE, recording_opt_out=True)))
    core.give(says(ONE))
    assert recorded(core) == {transport(core, "ann"): ONE}


def test_opting_out_takes_effect_before_it_is_answered_and_everyone_sees_it() -> None:
    core = core_of()
    core.give(says(ONE))
    core.clear()
    core.call("b", "SetRecordingOptOut", opt_out=True)
    assert core.step(steps.SetRecordingOptOut).opt_out
    made = core.answer(steps.SetRecordingOptOut, True)
    assert [type(effect) for effect in made] == [effects.Tell, effects.Deliver, effects.Reply]
    assert recorded(core) == {transport(core, "bob"): None}
    assert core.events("a") == core.events("b") == ["RecordingOptOutChanged"]
    assert core.members["bob"].view().recording_opt_out
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert recorded(core) == {transport(core, "bob"): None}
    core.call("b", "SetRecordingOptOut", opt_out=False)
    made = core.answer(steps.SetRecordingOptOut, True)
    assert [type(effect) for effect in made] == [effects.Deliver, effects.Tell, effects.Reply]
    assert recorded(core) == {transport(core, "bob"): ONE}


def test_opting_out_twice_is_told_to_nobody() -> None:
    core = core_of()
    core.call("b", "SetRecordingOptOut", opt_out=True)
    assert [type(effect) for effect in core.answer(steps.SetRecordingOptOut, False)] == [effects.Reply]


def test_the_hub_that_holds_the_seat_tells_the_node() -> None:
    core = core_of("ann")
    core.give(came(member("eve", "e", THERE)))
    core.give(says(ONE))
    core.clear()
    core.give(inputs.Message(OptOutMessage(origin=THERE, user_id=UserId("eve"), opt_out=True)))
    assert core.events("a") == ["RecordingOptOutChanged"]
    assert core.of(effects.Tell) == []


def test_a_newcomer_may_have_opted_out_before() -> None:
    core = core_of("ann")
    core.join("bob", "b", [member("eve", "e", recording_opt_out=True)])
    assert {p.user_id: p.recording_opt_out for p in core.result("b").participants} == {"ann": False, "eve": True}


def test_who_is_away_is_not_recorded_in_what_begins_meanwhile() -> None:
    core = core_of()
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.give(says(ONE))
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert recorded(core) == {transport(core, "ann"): ONE, transport(core, "bob"): None}


def test_who_returns_is_told_then_recorded() -> None:
    core = core_of()
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.give(says(ONE))
    core.clear()
    bob = core.members["bob"]
    core.ask_to_join("bob", "b2", resume_token="r")
    joined = core.joined([core.members["ann"]], replaced=bob, resumed=True)
    core.answer(steps.Join, replace(joined, participant=replace(joined.participant, seat=bob.seat)))
    assert core.result("b2").recording_id == ONE
    reply = next(i for i, e in enumerate(core.effects) if isinstance(e, effects.Reply))
    tell = next(i for i, e in enumerate(core.effects) if isinstance(e, effects.Tell))
    assert reply < tell
    assert recorded(core) == {transport(core, "bob"): ONE}


def test_who_was_told_before_the_connection_broke_is_recorded_on() -> None:
    core = core_of()
    core.give(says(ONE))
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.clear()
    core.call("b", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert recorded(core) == {transport(core, "bob"): ONE}


# --- commands may be lost


def test_at_each_sweep_the_node_is_told_again() -> None:
    core = core_of()
    core.call("b", "SetRecordingOptOut", opt_out=True)
    core.answer(steps.SetRecordingOptOut, True)
    core.give(says(ONE))
    core.clear()
    core.give(inputs.Sweep())
    assert recorded(core) == {transport(core, "ann"): ONE, transport(core, "bob"): None}


def test_an_end_is_said_again_for_a_while() -> None:
    core = core_of("ann")
    core.give(says(ONE))
    core.give(says(None))
    core.clear()
    core.give(inputs.Sweep())
    assert stopped(core) == [(N1, ONE)]
    core.clear()
    core.now += SAID_AGAIN_FOR
    core.give(inputs.Sweep())
    assert stopped(core) == []


def test_without_a_recording_nodes_are_told_nothing() -> None:
    core = core_of()
    core.call("a", "SetRecordingOptOut", opt_out=True)
    core.answer(steps.SetRecordingOptOut, True)
    core.give(inputs.Sweep())
    assert [type(e.command) for e in core.of(effects.Tell)] == [commands.Seated]


# --- the end of the meeting


def test_the_recording_of_another_session_is_not_ended_with_this_one() -> None:
    """This hub has not heard yet that its session is over, and that another one has begun and is recorded."""
    core = core_of()
    core.give(says(ONE, SessionId("another")))
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="ended")))
    assert core.events("a") == ["RoomEnded"]
    assert not any(isinstance(e.command, commands.StopRecording) for e in core.of(effects.Tell))


def test_at_the_end_of_the_meeting_each_hub_closes_its_own_peers_and_the_recording() -> None:
    """An offer of theirs may come behind the word of the hub that ended the meeting."""
    core = core_of()
    core.give(says(ONE))
    core.clear()
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="host")))
    told = [type(tell.command) for tell in core.of(effects.Tell)]
    assert told == [commands.StopRecording, commands.Close, commands.Close]
    assert stopped(core) == [(N1, ONE)]


def test_the_end_of_a_meeting_is_the_end_of_its_recording_whoever_lives_to_say_so() -> None:
    core = core_of()
    core.give(says(ONE))
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="host")))
    assert core.step(steps.StopRecording).recording == ONE
    core.answer(steps.StopRecording, None)
    assert core.step(steps.EndRecording).recording == ONE


def test_the_end_of_a_meeting_without_a_recording_stops_none() -> None:
    core = core_of()
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason="host")))
    assert not core.asks(steps.StopRecording)
