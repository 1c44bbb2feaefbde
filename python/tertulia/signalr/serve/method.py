"""A method of a hub: which calls it takes, and their arguments as it wants them."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from tertulia.signalr.errors import HubException, method_failed
from tertulia.signalr.messages import Invocation, StreamInvocation, Unread, Unreadable
from tertulia.signalr.serve.uploads import Upload

Call = Invocation | StreamInvocation
Handler = Callable[..., Any]


class WrongCount(Exception):
    """A call has too few or too many arguments."""


class Method(Struct, frozen=True):
    """A handler and its signature. ``types``: of the parameters behind the caller, for a stream that of its items;
    ``uploads``: which of them are streams."""

    handler: Handler
    streams: bool
    types: tuple[Any, ...]
    uploads: tuple[bool, ...]

    @classmethod
    def of(cls, handler: Handler) -> Method:
        """The method that ``handler`` is: a coroutine function, or an asynchronous generator function."""
        hints = get_type_hints(handler)
        types, uploads = [], []
        for name in list(inspect.signature(handler).parameters)[1:]:
            hint = hints.get(name, Any)
            upload = get_origin(hint) is AsyncIterator
            uploads.append(upload)
            types.append(get_args(hint)[0] if upload else hint)
        return cls(handler, inspect.isasyncgenfunction(handler), tuple(types), tuple(uploads))

    def mismatch(self, call: Call) -> str | None:
        """Why this kind of call cannot be made, in ASP.NET Core's words; None: it can."""
        streaming = isinstance(call, StreamInvocation)
        if self.streams and not streaming:
            return (
                f"The client attempted to invoke the streaming '{call.target}' method with a non-streaming invocation."
            )
        if streaming and not self.streams:
            return not_streaming(call.target)
        sent, wanted = len(call.stream_ids or ()), sum(self.uploads)
        return wrong_streams(call.target, sent, wanted) if sent != wanted else None

    def arguments(self, call: Call, uploads: Mapping[str, Upload]) -> list[Any]:
        """The arguments, converted; ``uploads`` has the streams that the client sends.

        Raises:
            WrongCount, msgspec.ValidationError
        """
        if any(isinstance(argument, Unreadable | Unread) for argument in call.arguments):
            raise msgspec.ValidationError("The arguments cannot be read.")
        given, streams = iter(call.arguments), iter(call.stream_ids or ())
        if len(call.arguments) != len(self.types) - sum(self.uploads):
            raise WrongCount
        return [
            uploads[next(streams)].of(kind) if upload else msgspec.convert(next(given), kind)
            for kind, upload in zip(self.types, self.uploads, strict=True)
        ]


def not_streaming(target: str) -> str:
    """The text of a streaming call of a method that answers once."""
    return f"The client attempted to invoke the non-streaming '{target}' method with a streaming invocation."


def wrong_streams(target: str, sent: int, wanted: int) -> str:
    """The text of a call with too few or too many streams."""
    return method_failed(target, HubException(f"Client sent {sent} stream(s), Hub method expects {wanted}."))
