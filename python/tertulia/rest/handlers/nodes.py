"""The SFU nodes."""

from __future__ import annotations

from tertulia.contract.answers import NodeView
from tertulia.errors import Forbidden
from tertulia.rest.operation import Answer, Asked, Call
from tertulia.room.placement import Node
from tertulia.times import from_seconds, rfc3339


async def check(asked: Asked[None], _about: None) -> None:
    """Raises Forbidden: nodes are the operator's business on this server."""
    if not asked.reads.shows_nodes:
        raise Forbidden("this server shows its nodes to nobody: its operator may set TERTULIA_SHOW_NODES")


async def list_nodes(call: Call[None], _about: None) -> Answer:
    """The nodes that are alive, by region, without their addresses."""
    heard = await call.services.nodes.heard()
    now = call.services.clock.now()
    views = [_view(entry.entry, now - entry.age) for entry in heard]
    return Answer(200, sorted(views, key=lambda view: (view.region, view.id)))


def _view(node: Node, beat_at: float) -> NodeView:
    return NodeView(
        id=node.id,
        region=node.region,
        load=round(node.load, 3),
        rooms=node.rooms,
        participants=node.peers,
        recordings=node.recordings,
        draining=node.draining,
        last_beat_at=rfc3339(from_seconds(beat_at)),
    )
