"""Whom a ``targetUserId`` means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tertulia.contract.fields import Topology
from tertulia.errors import UnknownTarget
from tertulia.ids import SFU_ALIAS, TRANSPORT_PREFIX, NodeId, SeatId, TransportId, transport_id
from tertulia.room.participant import Participant

_NOBODY: Final = "no such member in this room"


def is_sfu(target: str) -> bool:
    """Whether ``target`` is meant for the SFU rather than for a user (whose id is a UUID)."""
    return target == SFU_ALIAS or target.startswith(TRANSPORT_PREFIX)


def transport(target: str, seat: SeatId, node: NodeId | None, topology: Topology) -> tuple[NodeId, TransportId]:
    """The SFU node and the caller's own transport on it, if ``target`` names that.

    Raises:
        UnknownTarget: the room has no SFU, or not yet, or ``target`` is the name of another transport.
    """
    if topology == "p2p":
        raise UnknownTarget("this room has no SFU: its members send media to each other")
    if node is None:
        raise UnknownTarget("no SFU node is there yet: wait for SfuEndpoint")
    own = transport_id(seat, node)
    if target not in (SFU_ALIAS, own):
        raise UnknownTarget("this is not your transportId: use that of the last SfuEndpoint")
    return node, own


def member(target: str, members: Mapping[str, Participant]) -> Participant:
    """The member that ``target`` (a userId in any case) names.

    Raises:
        UnknownTarget: it is nobody in the room.
    """
    found = members.get(target.lower())
    if found is None:
        raise UnknownTarget(_NOBODY)
    return found


def other_member(target: str, caller: str, members: Mapping[str, Participant]) -> Participant:
    """The other member that ``target`` (a userId in any case) names.

    Raises:
        UnknownTarget: it is the caller, the SFU, or nobody in the room.
    """
    if target.lower() == caller:
        raise UnknownTarget("the target is yourself")
    return member(target, members)
