"""Seats that are given up, taken away or timed out; meetings that end; rooms that move."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tertulia.contract.fields import LeaveReason
from tertulia.errors import NotFound, NotJoined, Unavailable
from tertulia.ids import ConnectionId, NodeId, SeatId, SessionId, UserId
from tertulia.room import answers, commands, effects, inputs, nodes, steps
from tertulia.room.answers import Ended, Expired, KeptAlive, Ongoing
from tertulia.room.messages import EndedMessage, LeftMessage, NodeMessage
from tertulia.room.timers import Empty
from tests.unit.room.core import HERE, SESSION, THERE, Core, came, left, member, node

A, B = ConnectionId("a"), ConnectionId("b")
BOB = member("bob", "far")
N1, N2 = NodeId("n1"), NodeId("n2")


def _two() -> Core:
    """Ann and bob, both here, in a room on n1."""
    core = Core("sfu")
    core.node = N1
    core.nodes.refresh([node("n1")], core.now)
    core.join("ann", "a")
    core.join("bob", "b")
    core.clear()
    return core


def _told(core: Core) -> list[type[commands.Command]]:
    """The kinds of commands that the SFU nodes were sent."""
    return [type(e.command) for e in core.of(effects.Tell)]


# --- seats


def test_leaving_frees_the_seat_and_the_socket() -> None:
    core = _two()
    core.call("b", "LeaveRoom")
    core.answer(steps.Leave, core.left("bob"))
    assert core.events("a") == ["ParticipantLeft"]
    assert [e.connection for e in core.of(effects.Stood)] == ["b"]
    assert _told(core) == [commands.Close]
    assert core.events("b") == []
    core.give(left(member("bob", "b", HERE), origin=HERE))
    assert core.events("a") == ["ParticipantLeft"]


def test_a_leave_that_the_channel_tells_first_closes_the_peer_too() -> None:
    core = _two()
    core.call("a", "LeaveRoom")
    core.answer(steps.Leave, core.left("ann"))
    core.clear()
    core.call("b", "LeaveRoom")
    answer = core.left("bob", remaining=0)
    core.give(left(core.members["bob"], origin=HERE))
    core.answer(steps.Leave, answer)
    assert _told(core)[:1] == [commands.Close]
    assert len(core.of(effects.Reply)) == 1


def test_a_leave_that_redis_does_not_hear_is_refused_and_the_seat_stays() -> None:
    core = _two()
    core.call("b", "LeaveRoom")
    core.fail(steps.Leave, Unavailable("away"))
    assert core.answers("b") == [Unavailable]
    assert core.meeting.seats.present.keys() == {"ann", "bob"}


def test_a_socket_that_closes_while_redis_is_away_times_out() -> None:
    core = _two()
    core.give(inputs.ConnectionClosed(B))
    core.fail(steps.Leave, Unavailable("away"))
    assert core.meeting.seats.present.keys() == {"ann"}
    assert [e.is_warning for e in core.of(effects.Log)] == [True]


def test_who_leaves_a_room_that_was_lost_is_seen_leaving() -> None:
    core = _two()
    core.call("b", "LeaveRoom")
    core.answer(steps.Leave, None)
    core.answer(steps.Summary, None)
    assert core.events("a") == ["ParticipantLeft"]
    assert [type(e.message) for e in core.of(effects.Publish)] == [LeftMessage]


def test_who_leaves_a_seat_that_redis_gave_away_is_not() -> None:
    core = _two()
    core.call("b", "LeaveRoom")
    core.answer(steps.Leave, None)
    core.answer(steps.Summary, core.summary())
    assert core.events("a") == []
    assert [e.connection for e in core.of(effects.Stood)] == ["b"]


def test_a_seat_that_timed_out_is_not_joined_any_more() -> None:
    core = _two()
    core.call("b", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.NOT_JOINED)
    assert core.answers("b") == [NotJoined]
    assert [e.connection for e in core.of(effects.Stood)] == ["b"]


def test_a_sweep_frees_the_silent() -> None:
    core = _two()
    core.give(inputs.Sweep())
    assert core.step(steps.Expire).silent_for_ms == 30_000
    core.give(inputs.Sweep())
    assert len(core.open) == 1
    core.answer(steps.Expire, Expired(participants=[core.members["bob"]], remaining=1))
    assert core.events("a") == ["ParticipantLeft"]
    assert core.events("b") == []
    assert _told(core) == [commands.Seated, commands.Seated, commands.Close]


def test_a_removal_that_crosses_a_take_over_on_another_hub() -> None:
    """The channel is slower than the answer."""
    core = _two()
    new = replace(BOB, connection_id=ConnectionId("b2"), hub=THERE)
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, core.removed(answers.Left(participant=new, remaining=1)))
    assert core.events("b") == []
    core.give(came(new, replaced=core.members["bob"]))
    core.give(left(new, "removed", origin=HERE))
    assert core.events("b") == ["Replaced"]
    assert core.events("a") == ["ParticipantLeft"]
    assert core.members.keys() == {"ann"}


@pytest.mark.parametrize("reason", ["removed", "timeout"])
def test_only_who_is_removed_is_let_go(reason: LeaveReason) -> None:
    core = _two()
    core.give(left(core.members["bob"], reason))
    assert core.events("b") == (["Removed"] if reason == "removed" else [])
    assert [e.connection for e in core.of(effects.Stood)] == ["b"]


# --- meetings


def _ended(session: SessionId = SESSION) -> Ended:
    return Ended(session_id=session, participants=[])


def test_the_host_ends_it_for_everyone() -> None:
    core = Core()
    core.join("host", "h", role="host")
    core.join("ann", "a")
    core.call("h", "EndRoom")
    assert core.step(steps.End).session_id == SESSION
    core.answer(steps.End, _ended())
    core.answer(steps.CloseSession, None)
    core.answer(steps.End, None)
    assert core.events("a")[-1] == core.events("h")[-1] == "RoomEnded"
    assert len(core.answers("h")) == 2
    assert isinstance(core.effects[-1], effects.Unused)


def test_a_lost_room_is_put_back_to_be_ended() -> None:
    core = Core()
    core.join("host", "h", role="host")
    core.call("h", "EndRoom")
    core.answer(steps.End, None)
    core.answer(steps.ReadSession, Ongoing(None))
    core.answer(
        steps.Restore,
        answers.Restored(incarnation="n", region="r", node=None, recording=None, created=True, displaced=[]),
    )
    core.answer(steps.End, _ended())
    assert core.events("h") == ["RoomEnded"]


def test_the_control_plane_ends_what_it_alone_knows_of() -> None:
    core = Core()
    core.give(inputs.EndRoom(1, "ended"))
    core.answer(steps.Summary, None)
    core.answer(steps.End, None)
    core.answer(steps.ReadRecord, core.record)
    assert core.step(steps.CloseSession).session_id == SESSION
    core.answer(steps.CloseSession, None)
    core.answer(steps.End, None)
    assert [e.result for e in core.of(effects.Resolve)] == [False]


@pytest.mark.parametrize("error", [NotFound("deleted"), Unavailable("away")])
def test_a_room_that_is_gone_and_one_that_cannot_be_read(error: Exception) -> None:
    core = Core()
    core.give(inputs.EndRoom(1, "ended"))
    core.answer(steps.Summary, None)
    core.answer(steps.End, None)
    core.fail(steps.ReadRecord, error)
    assert isinstance(core.effects[-2], effects.Resolve if isinstance(error, NotFound) else effects.Reject)
    assert isinstance(core.effects[-1], effects.Unused)


def test_an_empty_room_waits_and_is_ended() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "LeaveRoom")
    core.answer(steps.Leave, core.left("ann", remaining=0))
    assert isinstance(core.effects[-1], effects.Unsubscribe)
    core.due(Empty)
    core.answer(steps.Summary, core.summary())
    assert core.step(steps.End).only_if_empty_for_ms == 60_000
    core.answer(steps.End, _ended())
    core.answer(steps.CloseSession, None)
    core.answer(steps.End, None)
    assert isinstance(core.effects[-1], effects.Unused)


def test_who_comes_back_in_time_keeps_the_meeting() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "LeaveRoom")
    core.answer(steps.Leave, core.left("ann", remaining=0))
    core.join("ann", "a")
    assert [e.timer for e in core.of(effects.CancelTimer)] == [Empty()]


def test_who_rejoined_between_the_end_in_redis_and_in_sql_is_told() -> None:
    core = Core()
    core.give(inputs.EndRoom(1, "ended"))
    core.answer(steps.Summary, core.summary())
    core.answer(steps.End, _ended())
    core.join("ann", "a")
    core.answer(steps.CloseSession, None)
    assert core.step(steps.End).session_id == SESSION
    core.answer(steps.End, _ended())
    assert core.of(effects.Resolve)


def test_the_end_of_another_session_is_not_ours() -> None:
    core = Core()
    core.join("ann", "a")
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SessionId("other"), reason="host")))
    assert core.events("a") == []


def test_the_reaper_closes_what_nobody_is_in() -> None:
    core = Core()
    core.give(inputs.Reap(1, SESSION, None, core.record.settings))
    core.answer(steps.Summary, core.summary(empty_for_ms=60_000))
    core.answer(steps.Summary, core.summary())
    assert core.step(steps.End).only_if_empty_for_ms == 60_000


def test_the_reaper_gives_a_lost_state_time_to_come_back() -> None:
    core = Core()
    core.give(inputs.Reap(1, SESSION, None, core.record.settings))
    core.answer(steps.Summary, None)
    assert [e.result for e in core.of(effects.Resolve)] == [False]
    core.now += 15
    core.give(inputs.Reap(2, SESSION, None, core.record.settings))
    core.answer(steps.Summary, None)
    assert core.step(steps.CloseSession).session_id == SESSION


def test_the_reaper_leaves_the_living_alone() -> None:
    core = Core()
    core.give(inputs.Reap(1, SESSION, None, core.record.settings))
    core.answer(steps.Summary, core.summary())
    assert [e.result for e in core.of(effects.Resolve)] == [False]
    assert isinstance(core.effects[-1], effects.Unused)


# --- SFU nodes


def test_a_room_whose_node_dies_moves_and_everyone_hears() -> None:
    core = _two()
    core.nodes.refresh([node("n2")], core.now)
    core.give(inputs.NodesSeen())
    assert not core.open
    core.now += nodes.GONE_AFTER + 0.1
    core.give(inputs.NodesSeen())
    move = core.step(steps.Move)
    assert (move.from_node, move.to_node) == (N1, N2)
    core.give(inputs.NodesSeen())
    assert len(core.open) == 1
    core.answer(steps.Move, True)
    assert core.events("a") == core.events("b") == ["SfuEndpoint", "TransportState"]
    core.give(inputs.Message(NodeMessage(origin=HERE, sfu_node=N2, sfu_region="r")))
    assert core.events("a") == ["SfuEndpoint", "TransportState"]


def test_a_hub_that_did_not_hear_of_a_move_finds_the_new_node() -> None:
    core = _two()
    core.nodes.refresh([node("n2")], core.now)
    core.give(inputs.NodesSeen())
    core.now += nodes.GONE_AFTER + 0.1
    core.give(inputs.NodesSeen())
    core.answer(steps.Move, False)
    core.answer(steps.Summary, core.summary(node=N2))
    assert core.events("a") == ["SfuEndpoint", "TransportState"]


def test_a_move_that_fails_is_tried_again() -> None:
    core = _two()
    core.nodes.refresh([node("n2")], core.now)
    core.give(inputs.NodesSeen())
    core.now += nodes.GONE_AFTER + 0.1
    core.give(inputs.NodesSeen())
    core.fail(steps.Move, Unavailable("away"))
    core.give(inputs.NodesSeen())
    assert core.asks(steps.Move)


def test_the_endpoint_comes_when_there_is_a_node() -> None:
    core = Core("sfu")
    core.join("ann", "a")
    core.nodes.refresh([node("n1")], core.now)
    core.give(inputs.NodesSeen())
    core.answer(steps.Move, True)
    assert core.events("a") == ["SfuEndpoint"]


def test_nobody_in_a_peer_to_peer_room_needs_a_node() -> None:
    core = Core()
    core.join("ann", "a")
    core.nodes.refresh([node("n1")], core.now)
    core.give(inputs.NodesSeen())
    assert not core.open


@pytest.mark.parametrize(("sits", "closes"), [(None, True), ("elsewhere", True), ("same", False)])
def test_a_leave_that_another_hub_was_ahead_of_leaves_no_peer(sits: str | None, closes: bool) -> None:
    """The channel is slower, and a last offer may have overtaken that hub's word to the node."""
    core = Core("sfu")
    core.node = N1
    core.join("ann", "a")
    mine = core.members["ann"]
    core.call("a", "LeaveRoom")
    core.answer(steps.Leave, None)
    core.answer(steps.Summary, core.summary(node=N1))
    assert len(core.answers("a")) == 2
    other = replace(mine, connection_id=ConnectionId("a2"))
    found = {None: None, "same": other, "elsewhere": replace(other, seat=SeatId("another"))}[sits]
    core.answer(steps.FindMember, found)
    assert (commands.Close in _told(core)) is closes
    assert isinstance(core.effects[-1], effects.Unused)
