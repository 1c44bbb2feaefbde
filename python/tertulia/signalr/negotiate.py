"""Negotiation (TransportProtocols.md, "POST [endpoint-base]/negotiate"): which transports there are, and the ids of a
new connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

NEWEST_VERSION: Final = 1


TRANSPORTS: Final = [
    {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]},
    {"transport": "ServerSentEvents", "transferFormats": ["Text"]},
    {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]},
]


class Request(Struct, frozen=True):
    """What a client asks for. ``stateful``: it wants stateful reconnect."""

    version: int
    stateful: bool


class Refused(Exception):
    """The request cannot be met; the text is the ``error`` of the answer."""


def parse(query: Mapping[str, str]) -> Request:
    """The request in a query, whose keys are in lower case (they are matched in any case). Raises Refused."""
    asked = query.get("negotiateversion")
    if asked is None:
        version = 0
    else:
        try:
            version = int(asked)
        except ValueError:
            raise Refused("The client requested a non-integer protocol version.") from None
        if version < 0:
            raise Refused("The client requested a protocol version that the server does not support.")
    stateful = query.get("usestatefulreconnect", "").strip().lower() == "true"
    return Request(min(version, NEWEST_VERSION), stateful)


def answer(request: Request, connection_id: str, token: str) -> bytes:
    """The body for a new connection. In version 0 the token itself is the connectionId."""
    body: dict[str, object] = {"negotiateVersion": request.version}
    if request.version == 0:
        body["connectionId"] = token
    else:
        body |= {"connectionId": connection_id, "connectionToken": token}
    if request.stateful:
        body["useStatefulReconnect"] = True
    body["availableTransports"] = TRANSPORTS
    return msgspec.json.encode(body)


def refusal(error: Refused) -> bytes:
    """The body that refuses; its status is 200."""
    return msgspec.json.encode({"error": str(error)})
