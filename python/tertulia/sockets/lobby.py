"""Who has connected and not joined a room yet: so many at once, in all and from one address."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from tertulia.places import Places
from tertulia.sockets.upgrade import Refusal

IN_ALL: Final = 4000
"""Connections of one web worker."""
PER_ADDRESS: Final = 400
"""Of these, connections from one address (/64 for IPv6): more than a large company behind one address opens within the
moment that joining takes."""
MAX_MESSAGE: Final = 16 * 1024
"""Bytes of a message before JoinRoom: twice the longest token."""
CROWDED: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too many connections, of this address or in all, have not joined a room: join or close those, or wait 15 s",
    retry_after=15,
)


class Lobby(Places):
    """See :class:`Places`; a connection is in the lobby until it has joined a room."""

    def __init__(self, in_all: int = IN_ALL, per_address: int = PER_ADDRESS) -> None:
        super().__init__(in_all, per_address)
