"""Identifiers, each kind a type of its own, and how to make new ones.

UUIDs are strings in lower case (RFC 9562, section 4).
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import NewType

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
SessionId = NewType("SessionId", str)
RecordingId = NewType("RecordingId", str)
ConnectionId = NewType("ConnectionId", str)
"""One client connection (a socket, or a SignalR connection over any transport), unique in the fleet."""
SeatId = NewType("SeatId", str)
"""A user's place in a room. A connection that returns to it keeps the id; one that takes it over gets a new one."""
HubId = NewType("HubId", str)
"""One web worker."""
NodeId = NewType("NodeId", str)
"""One SFU node."""
TransportId = NewType("TransportId", str)
"""The SFU's end of the media of one seat, which clients address as ``targetUserId``."""

SFU_ALIAS = "sfu"
"""What a client may call its own transport."""
TRANSPORT_PREFIX = "sfu_"


def new_uuid() -> str:
    """A random UUID (version 4) in lower case."""
    return str(uuid.uuid4())


def new_token(prefix: str = "", size: int = 16) -> str:
    """An unguessable URL-safe token of ``size`` random bytes behind ``prefix``."""
    return prefix + secrets.token_urlsafe(size)


def transport_id(seat: SeatId, node: NodeId) -> TransportId:
    """The transport of a seat on a node.

    It is derived, so that all hubs and nodes agree on it without storing it. Another seat or another node gives another
    transport.
    """
    digest = hashlib.blake2b(f"{seat}\0{node}".encode(), digest_size=12).hexdigest()
    return TransportId(TRANSPORT_PREFIX + digest)
