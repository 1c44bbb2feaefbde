"""Rooms that go over to another SFU node: which of the two is believed, and when the old one lets go."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw
from msgspec.structs import replace

from tertulia.errors import UnknownTarget
from tertulia.ids import ConnectionId, NodeId, RoomId, SeatId, UserId, transport_id
from tertulia.room import commands, effects, inputs, steps
from tertulia.room.messages import EventMessage, StateMessage
from tertulia.room.nodes import QUIET_AFTER
from tertulia.room.placement import GivenUp
from tertulia.room.relocation import LETS_GO_AFTER, SETTLES_WITHIN
from tests.unit.room.core import HERE, ROOM, Core, left, member, node

N1, N2, N3 = NodeId("n1"), NodeId("n2"), NodeId("n3")
EVE = member("eve", "e")


@pytest.fixture
def core() -> Core:
    """Ann and bob, both here, and eve on another hub, in a room on n1; n2 is there too."""
    made = Core("sfu")
    made.node = N1
    for _ in range(8):
        made.now += 0.5
        made.nodes.refresh([node("n1"), node("n2")], made.now)
    made.join("ann", "a", [EVE])
    made.join("bob", "b")
    made.clear()
    return made


def seat_of(core: Core, user: str) -> SeatId:
    return core.members[user].seat


def says(core: Core, origin: NodeId, user: str | None, event: str = "Slots", **payload: object) -> None:
    """An SFU node says something to one member, or to everyone."""
    core.give(
        inputs.Message(
            EventMessage(
                origin=origin,
                event=event,
                payload=Raw(json.dumps(payload).encode()),
                to=None if user is None else UserId(user),
                seat=None if user is None else seat_of(core, user),
            )
        )
    )


def drain(core: Core) -> None:
    """n1 wants to be rid of its rooms, and this one moves to n2."""
    core.nodes.refresh([replace(node("n1"), draining=True), node("n2")], core.now)
    core.give(inputs.NodesSeen())
    core.answer(steps.Move, True)


def test_whom_the_others_see_and_hear_is_told_of_the_new_node_first(core: Core) -> None:
    for user, muted, video in (("ann", True, False), ("bob", False, False), ("cyn", True, False), ("dan", True, True)):
        if user not in core.members:
            core.join(user, user[0], [EVE])
        core.call(user[0], "UpdateState", is_muted=muted, is_video_on=video)
        if core.asks(steps.Update):
            said = StateMessage(origin=HERE, user_id=UserId(user), is_muted=muted, is_video_on=video)
            core.answer(steps.Update, said)
    core.clear()
    drain(core)
    told = [e.to[0] for e in core.of(effects.Deliver) if e.event.name == "SfuEndpoint"]
    assert told == ["d", "b", "a", "c"]


def ends(core: Core) -> list[NodeId]:
    """The nodes that were told to end the room."""
    return [e.node for e in core.of(effects.Tell) if isinstance(e.command, commands.End)]


def look(core: Core, after: float) -> None:
    core.now += after
    core.nodes.refresh([replace(node("n1"), draining=True), node("n2")], core.now)
    core.give(inputs.NodesSeen())


def test_a_room_leaves_a_node_that_drains_which_goes_on_until_all_are_connected_elsewhere(core: Core) -> None:
    drain(core)
    assert core.events("a") == core.events("b") == ["SfuEndpoint"]
    says(core, N1, "ann")
    says(core, N1, None, "ActiveSpeakers", userIds=[])
    assert core.events("a")[1:] == ["Slots", "ActiveSpeakers"]
    for user in ("ann", "bob"):
        says(core, N2, user, "TransportState", transportId="t", state="connected")
        look(core, SETTLES_WITHIN + 0.1)
    assert ends(core) == []
    says(core, N2, "eve", "TransportState", transportId="t", state="connected")
    look(core, 0.1)
    assert ends(core) == []
    look(core, SETTLES_WITHIN + 0.1)
    assert ends(core) == [N1]
    look(core, LETS_GO_AFTER)
    assert ends(core) == [N1]


def test_a_room_that_its_node_gives_up_moves_to_the_node_that_is_to_have_it_and_back_to_none(core: Core) -> None:
    giving = replace(node("n1"), gives_up=GivenUp(rooms=[ROOM], to=N3, load=0.3))

    def look(after: float) -> None:
        core.now += after
        core.nodes.refresh([giving, node("n2"), node("n3")], core.now)
        core.give(inputs.NodesSeen())

    look(0.3)
    assert core.step(steps.Move).to_node == N3
    look(0.3)
    core.answer(steps.Move, True)
    assert core.events("a") == core.events("b") == ["SfuEndpoint"]
    says(core, N1, "ann")
    assert core.events("a") == ["SfuEndpoint", "Slots"]
    for user in ("ann", "bob", "eve"):
        assert ends(core) == []
        says(core, N3, user, "TransportState", transportId="t", state="connected")
        look(0.3)
    look(SETTLES_WITHIN)
    assert ends(core) == [N1]
    look(0.3)
    assert not core.asks(steps.Move)


def test_who_offers_to_a_node_that_does_not_hear_is_told_and_its_silence_counts_sooner(core: Core) -> None:
    core.give(inputs.OfferUnheard(ConnectionId("a"), N1))
    [told] = [e for e in core.of(effects.Deliver) if e.event.name == "SfuError"]
    assert told.to == ["a"]
    assert told.event.value() | {"message": ""} == {
        "transportId": transport_id(seat_of(core, "ann"), N1),
        "code": "unreachable",
        "message": "",
    }
    core.nodes.refresh([node("n1"), node("n2")], core.now, {N1: QUIET_AFTER})
    core.give(inputs.NodesSeen())
    assert core.step(steps.Move).to_node == N2
    core.answer(steps.Move, True)
    core.clear()
    core.give(inputs.OfferUnheard(ConnectionId("a"), N1))
    core.give(inputs.OfferUnheard(ConnectionId("gone"), N1))
    assert core.effects == []


def test_a_node_that_gives_up_another_room_keeps_this_one(core: Core) -> None:
    giving = replace(node("n1"), gives_up=GivenUp(rooms=[RoomId("another")], to=N2, load=0.3))
    core.nodes.refresh([giving, node("n2")], core.now)
    core.give(inputs.NodesSeen())
    assert not core.asks(steps.Move)


def test_who_has_left_is_not_waited_for(core: Core) -> None:
    drain(core)
    for user in ("ann", "bob"):
        says(core, N2, user, "TransportState", transportId="t", state="connected")
    core.give(left(EVE))
    look(core, 0.1)
    look(core, SETTLES_WITHIN)
    assert ends(core) == [N1]


def test_the_old_node_lets_go_at_last_and_clients_hear_of_it_from_the_hub(core: Core) -> None:
    drain(core)
    look(core, LETS_GO_AFTER - 0.1)
    assert ends(core) == []
    look(core, 0.2)
    assert ends(core) == [N1]
    last = [e.event for e in core.of(effects.Deliver) if "a" in e.to][-1]
    old = transport_id(seat_of(core, "ann"), N1)
    assert last.value() == {"transportId": old, "state": "closed", "reason": "moved"}


def test_that_the_old_transport_is_closed_is_told_once(core: Core) -> None:
    """Another hub lets go first, and the node closes the transports of all."""
    drain(core)
    says(core, N1, "ann", "TransportState", transportId=transport_id(seat_of(core, "ann"), N1), state="closed")
    assert "TransportState" not in core.events("a")
    look(core, LETS_GO_AFTER + 0.1)
    assert core.events("a").count("TransportState") == 1


def test_nothing_of_a_node_that_the_room_has_left_reaches_a_client(core: Core) -> None:
    drain(core)
    look(core, LETS_GO_AFTER + 0.1)
    core.clear()
    for event in ("ReceiveAnswer", "ReceiveOffer", "Slots", "TransportState", "SfuError"):
        says(core, N1, "ann", event)
    says(core, N1, None, "ActiveSpeakers")
    says(core, N1, None, "RecordingTrouble")
    assert core.events("a") == []
    says(core, N2, "ann")
    assert core.events("a") == ["Slots"]


def test_a_dead_node_is_not_believed_from_the_move_on(core: Core) -> None:
    core.now += 1
    ages = {N1: 2.0}
    core.nodes.refresh([node("n1"), node("n2")], core.now, ages)
    core.give(inputs.NodesSeen())
    core.answer(steps.Move, True)
    assert core.events("a") == ["SfuEndpoint", "TransportState"]
    assert ends(core) == [N1]
    says(core, N1, "ann")
    assert core.events("a") == ["SfuEndpoint", "TransportState"]


def test_a_client_that_misses_its_media_has_the_room_moved_sooner(core: Core) -> None:
    def look_at_silent() -> None:
        core.now += 0.1
        core.nodes.refresh([node("n1"), node("n2")], core.now, {N1: QUIET_AFTER + 0.1})
        core.give(inputs.NodesSeen())

    look_at_silent()
    core.call("a", "MediaStopped", transport_id=transport_id(seat_of(core, "bob"), N1))
    look_at_silent()
    assert not core.asks(steps.Move)
    core.call("a", "MediaStopped", transport_id=transport_id(seat_of(core, "ann"), N1))
    look_at_silent()
    assert core.step(steps.Move).to_node == N2


def test_media_cannot_stop_where_no_sfu_carries_it() -> None:
    core = Core("p2p")
    core.join("ann", "a")
    core.call("a", "MediaStopped", transport_id="sfu_1")
    assert core.answers("a")[-1] is UnknownTarget


def test_nodes_are_told_at_each_sweep_who_is_seated(core: Core) -> None:
    core.give(inputs.Sweep())
    [told] = [e for e in core.of(effects.Tell) if isinstance(e.command, commands.Seated)]
    assert isinstance(told.command, commands.Seated)
    assert told.node == N1
    assert set(told.command.transports) == {transport_id(seat_of(core, user), N1) for user in ("ann", "bob", "eve")}


def test_nobody_tells_a_node_of_a_peer_to_peer_room() -> None:
    core = Core("p2p")
    core.node = N1
    core.join("ann", "a")
    core.give(inputs.Sweep())
    assert core.of(effects.Tell) == []
    assert core.events(ConnectionId("a")) == []
