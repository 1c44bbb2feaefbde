"""A hub whose methods are coroutines and asynchronous generators; any object may be an argument or a result that
msgspec can carry.

Calls of one connection run one after the other, in the order sent; streams, and calls that take streams, run beside
them once begun, as in ASP.NET Core. A method gets the :class:`Caller` first, then one parameter for each argument,
converted to the type it is annotated with. A parameter annotated ``AsyncIterator[T]`` is a stream that the client
sends.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Struct

from tertulia.signalr.connection import Ended
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.errors import (
    CLOSED_WITH_ERROR,
    HubException,
    arguments_failed,
    connection_failed,
    method_failed,
    stream_failed,
    unknown_method,
)
from tertulia.signalr.messages import (
    CancelInvocation,
    Completion,
    Invocation,
    StreamInvocation,
    StreamItem,
    Tracked,
)
from tertulia.signalr.serve.caller import Caller
from tertulia.signalr.serve.link import Link
from tertulia.signalr.serve.uploads import Upload

MAX_QUEUED: Final = 64
"""Calls that wait for the one that runs; beyond, nothing is read from the client until some have run."""

log = logging.getLogger("signalr")

Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


class Method(Struct, frozen=True):
    """One hub method. ``uploads``: which parameters are streams, with the type of their items."""

    handler: Handler
    streams: bool
    types: tuple[Any, ...]
    uploads: tuple[bool, ...]

    @classmethod
    def of(cls, handler: Handler) -> Method:
        hints = get_type_hints(handler)
        types, uploads = [], []
        for name in list(inspect.signature(handler).parameters)[1:]:
            hint = hints.get(name, Any)
            upload = get_origin(hint) is AsyncIterator
            uploads.append(upload)
            types.append(get_args(hint)[0] if upload else hint)
        return cls(handler, inspect.isasyncgenfunction(handler), tuple(types), tuple(uploads))


class Hub:
    """An application for :class:`~tertulia.signalr.serve.asgi.SignalR`."""

    def __init__(self) -> None:
        self.callers: dict[str, Caller] = {}
        """Everyone who is connected, by connectionId."""
        self._methods: dict[str, Method] = {}
        self._connected: Callable[[Caller], Awaitable[None]] | None = None
        self._disconnected: Callable[[Caller], Awaitable[None]] | None = None

    # --- registration

    def method(self, handler: H) -> H:
        """Register a coroutine function, or an asynchronous generator function for a stream, under its name (in any
        case).
        """
        self._methods[handler.__name__.lower()] = Method.of(handler)
        return handler

    def connected(self, handler: Callable[[Caller], Awaitable[None]]) -> Callable[[Caller], Awaitable[None]]:
        """Register what runs before a caller's first call; if it raises, the connection is closed."""
        self._connected = handler
        return handler

    def disconnected(self, handler: Callable[[Caller], Awaitable[None]]) -> Callable[[Caller], Awaitable[None]]:
        """Register what runs when a caller is gone."""
        self._disconnected = handler
        return handler

    def send(self, to: Iterable[Caller], target: str, *arguments: Any) -> None:
        """Invoke ``target`` on many clients; it is encoded once for each encoding."""
        message = Invocation(target, list(arguments))
        frames: dict[HubProtocol, bytes] = {}
        for caller in to:
            protocol = caller.link.core.protocol
            frame = frames.get(protocol)
            if frame is None:
                frame = frames[protocol] = protocol.encode(message)
            caller.link.send_frame(frame)

    # --- the application of a Link

    def opened(self, link: Link) -> None:
        caller = Caller(link)
        link.state = _Conversation(self, caller)
        self.callers[caller.id] = caller
        if self._connected is not None:
            link.state.enqueue(self._greet(caller, self._connected))

    def received(self, link: Link, message: Tracked) -> None:
        conversation: _Conversation = link.state
        conversation.received(message)

    def ended(self, link: Link, ended: Ended) -> None:
        conversation: _Conversation = link.state
        caller = self.callers.pop(link.id)
        conversation.stop()
        if self._disconnected is not None:
            conversation.beside(self._farewell(caller, self._disconnected))

    @staticmethod
    async def _greet(caller: Caller, handler: Callable[[Caller], Awaitable[None]]) -> None:
        try:
            await handler(caller)
        except Exception as error:
            log.exception("The hub's connected handler failed")
            caller.close(connection_failed(error))

    @staticmethod
    async def _farewell(caller: Caller, handler: Callable[[Caller], Awaitable[None]]) -> None:
        try:
            await handler(caller)
        except Exception:
            log.exception("The hub's disconnected handler failed")

    def find(self, target: str) -> Method | None:
        """The method of that name, in any case."""
        return self._methods.get(target.lower())


class _Conversation:
    """The calls of one connection: those that wait, the one that runs, the streams beside it."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        self._hub = hub
        self._caller = caller
        self._queue: list[Awaitable[None]] = []
        self._running: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._uploads: dict[str, Upload] = {}
        self._paused = False

    # --- what comes in

    def received(self, message: Tracked) -> None:
        match message:
            case Invocation() | StreamInvocation():
                for stream_id in message.stream_ids or ():
                    self._uploads[stream_id] = Upload(self._flow)
                self.enqueue(self._invoke(message))
            case StreamItem():
                if (upload := self._uploads.get(message.invocation_id)) is not None:
                    upload.push(message.item)
            case Completion():
                if (upload := self._uploads.get(message.invocation_id)) is not None:
                    upload.finish(message.error)
                else:
                    self._caller.completed(message)
            case CancelInvocation():
                self.enqueue(self._cancel(message.invocation_id))

    def enqueue(self, job: Awaitable[None]) -> None:
        """Run ``job`` after those before it."""
        self._queue.append(job)
        self._flow()
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._queue:
            job = self._queue.pop(0)
            self._flow()
            try:
                await job
            except Exception:
                log.exception("A connection failed")
                self._caller.close(CLOSED_WITH_ERROR)
        self._running = None

    def beside(self, job: Any) -> asyncio.Task[None]:
        """Run ``job`` beside the others."""
        task: asyncio.Task[None] = asyncio.create_task(job)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task

    def _flow(self) -> None:
        """Stop reading while too much waits, and go on when it has been taken."""
        full = len(self._queue) > MAX_QUEUED or any(upload.full for upload in self._uploads.values())
        if full != self._paused:
            self._paused = full
            if full:
                self._caller.link.pause()
            else:
                self._caller.link.resume()

    def stop(self) -> None:
        """The connection is gone: so are its calls."""
        for job in self._queue:
            if inspect.iscoroutine(job):
                job.close()
        self._queue.clear()
        for upload in self._uploads.values():
            upload.finish("The underlying connection was closed.")
        self._caller.lost()
        for task in (*self._beside, *([self._running] if self._running is not None else ())):
            task.cancel()

    # --- calls

    async def _invoke(self, call: Invocation | StreamInvocation) -> None:
        method = self._hub.find(call.target)
        error = self._refusal(call, method)
        if method is None or error is not None:
            self._forget_uploads(call)
            self._complete(call, error=error)
            return
        try:
            arguments = self._arguments(method, call)
        except (msgspec.ValidationError, _WrongCount):
            self._forget_uploads(call)
            self._complete(call, error=arguments_failed(call.target))
            return
        if isinstance(call, StreamInvocation):
            self._streams[call.invocation_id] = self.beside(self._stream(method, call, arguments))
        elif call.stream_ids:
            self.beside(self._call(method, call, arguments))
        else:
            await self._call(method, call, arguments)

    def _refusal(self, call: Invocation | StreamInvocation, method: Method | None) -> str | None:
        if method is None:
            return unknown_method(call.target)
        streaming = isinstance(call, StreamInvocation)
        if method.streams and not streaming:
            return (
                f"The client attempted to invoke the streaming '{call.target}' method with a non-streaming invocation."
            )
        if streaming and not method.streams:
            return (
                f"The client attempted to invoke the non-streaming '{call.target}' method with a streaming invocation."
            )
        sent, wanted = len(call.stream_ids or ()), sum(method.uploads)
        if sent != wanted:
            wrong = HubException(f"Client sent {sent} stream(s), Hub method expects {wanted}.")
            return method_failed(call.target, wrong)
        if call.invocation_id in self._streams:
            return f"Invocation ID '{call.invocation_id}' is already in use."
        return None

    def _arguments(self, method: Method, call: Invocation | StreamInvocation) -> list[Any]:
        """The arguments as the method wants them; raises ValidationError or _WrongCount."""
        given, streams = iter(call.arguments), iter(call.stream_ids or ())
        if len(call.arguments) != len(method.types) - sum(method.uploads):
            raise _WrongCount
        values: list[Any] = []
        for kind, upload in zip(method.types, method.uploads, strict=True):
            if upload:
                values.append(self._uploads[next(streams)].of(kind))
            else:
                values.append(msgspec.convert(next(given), kind))
        return values

    async def _call(self, method: Method, call: Invocation | StreamInvocation, arguments: list[Any]) -> None:
        try:
            result = await method.handler(self._caller, *arguments)
        except Exception as error:  # noqa: BLE001 - whatever a method raises is its caller's answer
            self._log(call, error)
            self._complete(call, error=method_failed(call.target, error))
        else:
            self._complete(call, result=result)
        finally:
            self._forget_uploads(call)

    async def _stream(self, method: Method, call: StreamInvocation, arguments: list[Any]) -> None:
        error: str | None = None
        link = self._caller.link
        items = method.handler(self._caller, *arguments)
        try:
            async for item in items:
                link.send(StreamItem(call.invocation_id, item))
                if link.congested:
                    await link.writable()
        except asyncio.CancelledError:
            # The client cancelled it, or is gone: no error either way.
            pass
        except Exception as failure:  # noqa: BLE001 - the same
            self._log(call, failure)
            error = stream_failed(failure)
        finally:
            await items.aclose()
            self._streams.pop(call.invocation_id, None)
            self._forget_uploads(call)
            self._complete(call, error=error, result=UNSET)

    async def _cancel(self, invocation_id: str) -> None:
        if (task := self._streams.get(invocation_id)) is not None:
            task.cancel()

    def _complete(self, call: Invocation | StreamInvocation, *, error: str | None = None, result: Any = None) -> None:
        if call.invocation_id is None:
            return
        if error is not None:
            self._caller.link.send(Completion(call.invocation_id, error=error))
            return
        try:
            self._caller.link.send(Completion(call.invocation_id, result))
        except (TypeError, ValueError, OverflowError, RecursionError) as failure:
            self._log(call, failure)
            self._caller.link.send(Completion(call.invocation_id, error=method_failed(call.target, failure)))

    def _forget_uploads(self, call: Invocation | StreamInvocation) -> None:
        for stream_id in call.stream_ids or ():
            self._uploads.pop(stream_id, None)
        self._flow()

    @staticmethod
    def _log(call: Invocation | StreamInvocation, error: Exception) -> None:
        if not isinstance(error, HubException):
            log.error("Hub method %r failed", call.target, exc_info=error)


class _WrongCount(Exception):
    pass
