"""The registry of SFU nodes as a hub sees it."""

from __future__ import annotations

from tertulia.ids import NodeId
from tertulia.room.nodes import GONE_AFTER, Nodes
from tertulia.room.placement import Node

A, B = NodeId("a"), NodeId("b")


def _node(node: NodeId, region: str = "r") -> Node:
    return Node(id=node, region=region, ip="192.0.2.1", ports=[1], load=0, rooms=0, peers=0)


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
    assert not nodes.is_dead(A, 1)
    assert not nodes.is_dead(A, 1 + GONE_AFTER - 0.1)
    assert nodes.is_dead(A, 1 + GONE_AFTER)
    nodes.refresh([_node(A), _node(B)], 5)
    assert not nodes.is_dead(A, 5)
    nodes.refresh([_node(B)], 6)
    assert not nodes.is_dead(A, 6)


def test_no_node_is_dead_while_none_is_alive() -> None:
    nodes = _nodes(A)
    nodes.refresh([], 1)
    assert not nodes.is_dead(A, 1)
    assert not nodes.is_dead(A, 100)


def test_what_nobody_asks_for_is_forgotten() -> None:
    nodes = _nodes(A, B)
    nodes.refresh([_node(B)], 1)
    nodes.is_dead(A, 1)
    nodes.refresh([_node(B)], 1000)
    assert not nodes.is_dead(A, 1000)
    assert nodes.is_dead(A, 1000 + GONE_AFTER)
