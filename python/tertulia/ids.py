"""The kinds of identifiers, as distinct types, and how new ones are made.

All UUIDs are text in canonical lower case (RFC 9562, section 4).
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
"""One tenure of one user in one room: kept when a lost connection resumes, new when another takes the seat."""
HubId = NewType("HubId", str)
"""One web worker process."""
NodeId = NewType("NodeId", str)
"""One SFU node process."""
TransportId = NewType("TransportId", str)
"""The SFU's end of one seat's media: what a client addresses as ``targetUserId``."""

SFU_ALIAS = "sfu"
"""The word a client may use for its own transportId."""
TRANSPORT_PREFIX = "sfu_"


def new_uuid() -> str:
    """A random UUID (version 4) in lower case."""
    return str(uuid.uuid4())


def new_token(prefix: str = "", size: int = 16) -> str:
    """An unguessable URL-safe token of ``size`` random bytes behind ``prefix``."""
    return prefix + secrets.token_urlsafe(size)


def transport_id(seat: SeatId, node: NodeId) -> TransportId:
    """The transport of a seat on a node.

    Derived, so that every hub and node names it alike without storing it: the same seat on the same node keeps its
    transport, another seat or another node gets another one.
    """
    digest = hashlib.blake2b(f"{seat}\0{node}".encode(), digest_size=12).hexdigest()
    return TransportId(TRANSPORT_PREFIX + digest)
