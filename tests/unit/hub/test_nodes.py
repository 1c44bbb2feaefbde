"""Where a worker places rooms, while the nodes' own figures say nothing new."""

from __future__ import annotations

from contextlib import ExitStack

from tertulia.ids import NodeId
from tertulia.room.nodes import Nodes
from tertulia.room.placement import Node


class Registry:
    """Two nodes that are alike."""

    async def alive(self) -> list[Node]:
        return [
            Node(id=NodeId(name), region="r", ip="192.0.2.1", ports=[1], load=0, rooms=0, peers=0)
            for name in ("a", "b")
        ]


async def test_rooms_that_are_placed_at_the_same_moment_are_spread() -> None:
    nodes = Nodes(Registry(), "r", clock=lambda: 100.0)  # type: ignore[arg-type]
    await nodes.refresh()
    with ExitStack() as under_way:
        for expected in ("a", "b", "a", "b"):
            assert nodes.choose("r") == expected
            under_way.enter_context(nodes.reserved(NodeId(expected)))
    assert nodes.choose("r") == "a"
    nodes.placed(NodeId("a"))
    assert nodes.choose("r") == "b"
