"""Tertulia's hub for SignalR clients: each call of the contract is a hub method whose one argument is its payload."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from tertulia.contract.calls import CALLS
from tertulia.errors import Malformed
from tertulia.hub.hub import Hub
from tertulia.room.rate import Verdict
from tertulia.signalr.connection import Ended
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import UNKNOWN_METHOD
from tertulia.signalr.messages import UNREAD, Invocation, StreamInvocation, Tracked
from tertulia.signalr.serve.connection import HubConnection
from tertulia.signalr.serve.method import not_streaming, wrong_streams
from tertulia.sockets.signalr import arguments
from tertulia.sockets.signalr.client import Call, SignalRClient, Worded

METHODS: Final = {name.lower(): name for name in CALLS}
"""Hub methods are found in any case, as in ASP.NET Core."""


class SignalRHub:
    """The application behind SignalR connections: hands their calls to the hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def opened(self, connection: HubConnection) -> None:
        """The handshake is done."""
        connection.state = client = SignalRClient(connection)
        connection.core.meter = partial(self._admits, client, connection.core.protocol)
        self._hub.connected(client)

    def _admits(self, client: SignalRClient, protocol: HubProtocol, message: bytes) -> bool:
        verdict = self._hub.admits(client, len(message))
        if verdict is Verdict.CLOSE:
            # Not now: the connection is in the middle of what has come.
            asyncio.get_running_loop().call_soon(self._hub.limited, client)
        if verdict is not Verdict.ADMIT:
            client.hold()
            return False
        self._hub.weigh(client, protocol.parts_of(message))
        return True

    def received(self, connection: HubConnection, message: Tracked) -> None:
        """A message. Streams and completions belong to no call that we have; they are ignored."""
        if isinstance(message, Invocation | StreamInvocation) and message.arguments == [UNREAD]:
            call = Call(message.invocation_id, message.target)
            is_keep_alive = isinstance(message, Invocation) and message.target.lower() == "keepalive"
            self._hub.limited(connection.state, call, is_keep_alive=is_keep_alive)
        elif isinstance(message, Invocation):
            self._invoked(connection.state, message)
        elif isinstance(message, StreamInvocation):
            is_known = message.target.lower() in METHODS
            text = not_streaming(message.target) if is_known else UNKNOWN_METHOD
            self._hub.malformed(connection.state, Call(message.invocation_id, message.target), Worded(text))

    def ended(self, connection: HubConnection, ended: Ended) -> None:
        """The connection is over."""
        client: SignalRClient = connection.state
        if client.closing:
            # The hub is closing it at this moment, and must not be called before that has returned.
            asyncio.get_running_loop().call_soon(self._gone, client, ended)
        else:
            self._gone(client, ended)

    def _gone(self, client: SignalRClient, ended: Ended) -> None:
        self._hub.disconnected(client, ended.clean, some_lost=ended.unsent or client.late)

    def _invoked(self, client: SignalRClient, message: Invocation) -> None:
        call = Call(message.invocation_id, message.target)
        event = METHODS.get(message.target.lower(), message.target)
        if message.stream_ids:
            text = wrong_streams(message.target, len(message.stream_ids), 0)
            self._hub.malformed(client, call, Worded(text))
        elif len(message.arguments) > 1:
            self._hub.malformed(client, call, Malformed(f"{event} takes one argument"))
        else:
            payload = message.arguments[0] if message.arguments else None
            self._call(client, call, event, payload)

    def _call(self, client: SignalRClient, call: Call, event: str, payload: object) -> None:
        try:
            read = arguments.convert(event, payload) or arguments.as_json(payload)
        except arguments.NotJson:
            why = "the argument is too deep, has too many values, or has no equivalent in JSON"
            self._hub.malformed(client, call, Malformed(why))
        else:
            self._hub.call(client, call, event, read)
