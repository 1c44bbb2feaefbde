"""The registry of SFU nodes as a hub sees it."""

from __future__ import annotations

from typing import Any

from tertulia.ids import NodeId, RoomId
from tertulia.room.nodes import GONE_AFTER, MISSED_FOR, QUIET_AFTER, Nodes
from tertulia.room.placement import GivenUp, Node

A, B = NodeId("a"), NodeId("b")
ROOM = RoomId("room")


def _node(node: NodeId, **more: Any) -> Node:
    return Node(id=node, region="r", ip="192.0.2.1", ports=[1], load=0, rooms=0, peers=0, **more)


def _nodes(*alive: NodeId) -> Nodes:
    nodes = Nodes("r")
    nodes.refresh([_node(node) for node in alive], 0)
    return nodes


def test_rooms_that_come_at_once_are_spread() -> None:
    nodes = _nodes(A, B)
    assert nodes.choose("r", 0) == A
    nodes.reserve(A)
    assert nodes.choose("r", 0) == B
    nodes.release(A)
    assert nodes.choose("r", 0) == A
    nodes.placed(A, 0)
    assert nodes.choose("r", 0) == B


def test_a_node_is_dead_once_it_is_gone_for_long_enough() -> None:
    nodes = _nodes(A, B)
    nodes.refresh([_node(B)], 1)
    assert not nodes.is_dead(A, ROOM, 1)
    assert not nodes.is_dead(A, ROOM, 1 + GONE_AFTER - 0.1)
    assert nodes.is_dead(A, ROOM, 1.1 + GONE_AFTER)
    nodes.refresh([_node(A), _node(B)], 5)
    assert not nodes.is_dead(A, ROOM, 5)
    nodes.refresh([_node(B)], 6)
    assert not nodes.is_dead(A, ROOM, 6)


def test_no_node_is_dead_while_none_is_alive() -> None:
    nodes = _nodes(A)
    nodes.refresh([], 1)
    assert not nodes.is_dead(A, ROOM, 1)
    assert not nodes.is_dead(A, ROOM, 100)


def _read(nodes: Nodes, until: float, ages: dict[NodeId, float], still: float = 0.0) -> None:
    """Readings without a gap up to ``until``."""
    for tick in range(int(until * 4) + 1):
        nodes.refresh([_node(A, still=still), _node(B)], min(tick / 4, until), ages)


def test_a_silent_node_is_dead_sooner_where_its_media_is_missed() -> None:
    nodes = Nodes("r")
    _read(nodes, 5, {A: QUIET_AFTER + 0.1})
    assert not nodes.is_dead(A, ROOM, 5)
    nodes.missed(A, ROOM, 5)
    assert nodes.is_watched(5)
    assert nodes.is_dead(A, ROOM, 5)
    assert not nodes.is_dead(A, ROOM, 5.1 + MISSED_FOR)
    _read(nodes, 5, {A: GONE_AFTER + 0.1})
    assert nodes.is_dead(A, ROOM, 20)


def test_who_misses_media_speaks_for_their_own_room() -> None:
    nodes = Nodes("r")
    _read(nodes, 5, {A: QUIET_AFTER + 0.1})
    nodes.missed(A, ROOM, 5)
    assert nodes.is_dead(A, ROOM, 5)
    assert not nodes.is_dead(A, RoomId("another"), 5)


def test_who_misses_media_of_a_node_that_beats_is_not_believed() -> None:
    nodes = _nodes(A, B)
    nodes.missed(A, ROOM, 0.1)
    assert not nodes.is_dead(A, ROOM, 0.1)


def test_a_thread_that_stands_still_counts_as_silence() -> None:
    nodes = Nodes("r")
    _read(nodes, 5, {}, still=GONE_AFTER + 0.1)
    assert nodes.is_dead(A, ROOM, 5)
    assert nodes.choose("r", 5) == B


def test_a_silent_node_gets_no_rooms() -> None:
    nodes = Nodes("r")
    _read(nodes, 5, {A: QUIET_AFTER})
    assert nodes.choose("r", 5) == B


def test_silence_while_redis_was_away_says_nothing_of_the_nodes() -> None:
    nodes = _nodes(A, B)
    nodes.refresh([_node(A), _node(B)], 30, {A: 30.0, B: 30.0})
    assert not nodes.is_dead(A, ROOM, 30)
    nodes.refresh([_node(A), _node(B)], 30.5, {A: 30.5, B: 0.1})
    assert not nodes.is_dead(A, ROOM, 30.5)
    nodes.refresh([_node(A), _node(B)], 31.4, {A: 31.4, B: 0.1})
    assert nodes.is_dead(A, ROOM, 31.4)
    assert not nodes.is_dead(B, ROOM, 31.4)


def test_a_draining_node_is_said_to_be_so() -> None:
    nodes = Nodes("r")
    nodes.refresh([_node(A, draining=True), _node(B)], 0)
    assert nodes.is_draining(A)
    assert not nodes.is_draining(B)
    assert not nodes.is_draining(NodeId("c"))


def test_a_room_that_its_node_gives_up_goes_to_the_other_one_if_that_is_well() -> None:
    nodes = Nodes("r")
    giving = _node(A, gives_up=GivenUp(rooms=[RoomId("small"), ROOM], to=B, load=0.3))
    nodes.refresh([giving, _node(B)], 0)
    assert nodes.given_up(A, ROOM) == B
    assert nodes.given_up(A, RoomId("another")) is None
    assert nodes.given_up(B, ROOM) is None
    nodes.refresh([giving, _node(B, draining=True)], 1)
    assert nodes.given_up(A, ROOM) is None
    nodes.refresh([giving, _node(B)], 2, {B: QUIET_AFTER})
    assert nodes.given_up(A, ROOM) is None
    nodes.refresh([giving], 3)
    assert nodes.given_up(A, ROOM) is None
    assert nodes.given_up(NodeId("c"), ROOM) is None


def test_what_nobody_asks_for_is_forgotten() -> None:
    nodes = _nodes(A, B)
    nodes.refresh([_node(B)], 1)
    nodes.is_dead(A, ROOM, 1)
    nodes.refresh([_node(B)], 1000)
    assert not nodes.is_dead(A, ROOM, 1000)
    assert nodes.is_dead(A, ROOM, 1000.1 + GONE_AFTER)
