"""What goes wrong on a SignalR connection.

::

    SignalRError
    ├── ProtocolError          the peer sent something that is not a message: the connection ends
    │   └── MessageTooLarge    a message is longer than the bound
    ├── HandshakeRefused       the handshake asks for something that we do not speak; ``str()`` is for the client
    ├── HubException           raised by a hub method: the one exception whose text the client sees
    ├── ClientError            the client answered our invocation with an error
    └── ConnectionLost         the connection ended before what was awaited came
"""

from __future__ import annotations


class SignalRError(Exception):
    """The root."""


class ProtocolError(SignalRError):
    """The peer sent something that is not a message of the protocol."""


class MessageTooLarge(ProtocolError):
    """A message is longer than ``max_message`` bytes."""

    def __init__(self, bound: int) -> None:
        super().__init__(f"The maximum message size of {bound}B was exceeded.")


class HandshakeRefused(SignalRError):
    """The handshake cannot be accepted; the text goes to the client."""


class HubException(SignalRError):
    """Raised in a hub method to tell the caller why: the text of every other exception stays on the server."""


class ClientError(SignalRError):
    """A client's handler failed, or there is none."""


class ConnectionLost(SignalRError):
    """The connection is gone."""


def method_failed(target: str, error: BaseException) -> str:
    """The text of a failed invocation, as ASP.NET Core words it."""
    return _worded(f"An unexpected error occurred invoking '{target}' on the server.", error)


def stream_failed(error: BaseException) -> str:
    """The text of a stream that broke off."""
    return _worded("An error occurred on the server while streaming results.", error)


def arguments_failed(target: str) -> str:
    """The text of an invocation whose arguments do not fit the method."""
    return f"Failed to invoke '{target}' due to an error on the server."


UNKNOWN_METHOD = "Unknown hub method"
"""The text of an invocation of a method that is not there. Its name is the client's own, and is not repeated."""


CLOSED_WITH_ERROR = "Connection closed with an error."
"""The text of a Close message after an error on either side; the cause is not told."""


def connection_failed(error: BaseException) -> str:
    """The text of a Close message after a hub's own handler failed."""
    return _worded(CLOSED_WITH_ERROR, error)


def _worded(text: str, error: BaseException) -> str:
    return f"{text} HubException: {error}" if isinstance(error, HubException) else text
