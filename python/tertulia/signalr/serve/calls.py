"""The calls of one connection: those that wait, the one that runs, and the streams beside it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from tertulia.signalr.errors import (
    CLOSED_WITH_ERROR,
    UNKNOWN_METHOD,
    HubException,
    arguments_failed,
    method_failed,
    stream_failed,
)
from tertulia.signalr.messages import (
    CancelInvocation,
    Completion,
    Invocation,
    StreamInvocation,
    StreamItem,
    Tracked,
    Unread,
    Unreadable,
)
from tertulia.signalr.serve.caller import Caller
from tertulia.signalr.serve.method import Call, Method, WrongCount
from tertulia.signalr.serve.uploads import Upload

MAX_QUEUED: Final = 64
"""Calls that wait for the one that runs; beyond, nothing is read from the client until some have run."""

UNREADABLE_ITEM: Final = "An item of the stream cannot be read."
"""The error with which such a stream ends."""

log = logging.getLogger("signalr")

Find = Callable[[str], Method | None]


class Calls:
    """``find``: the hub's method of a name, if there is one."""

    def __init__(self, find: Find, caller: Caller) -> None:
        self.caller = caller
        self._find = find
        self._queue: deque[Awaitable[None]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()
        self._streams: dict[str, asyncio.Task[None]] = {}
        """What a method streams to the client, by invocationId."""
        self._uploads: dict[str, Upload] = {}
        """What the client streams to a method, by streamId."""
        self._paused = False

    # --- what arrives

    def received(self, message: Tracked) -> None:
        """Take a message of the client."""
        match message:
            case Invocation() | StreamInvocation():
                for stream_id in message.stream_ids or ():
                    self._uploads[stream_id] = Upload(self._flow)
                self.enqueue(self._invoke(message))
            case StreamItem():
                if (upload := self._uploads.get(message.invocation_id)) is None:
                    return
                if isinstance(message.item, Unreadable | Unread):
                    upload.finish(UNREADABLE_ITEM)
                else:
                    upload.push(message.item)
            case Completion():
                if (upload := self._uploads.get(message.invocation_id)) is not None:
                    upload.finish(message.error)
                else:
                    self.caller.completed(message)
            case CancelInvocation() if message.invocation_id in self._streams:
                # At once: the call before it may be a long one.
                self._streams[message.invocation_id].cancel()
            case CancelInvocation():
                self.enqueue(self._cancel(message.invocation_id))

    def enqueue(self, job: Awaitable[None]) -> None:
        """Run ``job`` after those before it."""
        self._queue.append(job)
        self._flow()
        if self._running is None:
            self._running = asyncio.create_task(self._run())

    def beside(self, job: Any) -> asyncio.Task[None]:
        """Run ``job`` beside the others."""
        task: asyncio.Task[None] = asyncio.create_task(job)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)
        return task

    def stop(self) -> None:
        """The connection is gone: so are its calls."""
        for job in self._queue:
            if inspect.iscoroutine(job):
                job.close()
        self._queue.clear()
        for upload in self._uploads.values():
            upload.finish("The underlying connection was closed.")
        self.caller.lost()
        for task in (*self._beside, *([self._running] if self._running is not None else ())):
            task.cancel()

    async def _run(self) -> None:
        while self._queue:
            job = self._queue.popleft()
            self._flow()
            try:
                await job
            except Exception:
                log.exception("A connection failed")
                self.caller.close(CLOSED_WITH_ERROR)
        self._running = None

    def _flow(self) -> None:
        """Stop reading while too much waits, and go on when it has been taken."""
        full = len(self._queue) > MAX_QUEUED or any(upload.full for upload in self._uploads.values())
        if full != self._paused:
            self._paused = full
            if full:
                self.caller.connection.pause()
            else:
                self.caller.connection.resume()

    # --- how a call runs

    async def _invoke(self, call: Call) -> None:
        method = self._find(call.target)
        error = self._refusal(call, method)
        if method is None or error is not None:
            self._refuse(call, error)
            return
        try:
            arguments = method.arguments(call, self._uploads)
        except (msgspec.ValidationError, WrongCount):
            self._refuse(call, arguments_failed(call.target))
            return
        if isinstance(call, StreamInvocation):
            self._streams[call.invocation_id] = self.beside(self._stream(method, call, arguments))
        elif call.stream_ids:
            self.beside(self._answer(method, call, arguments))
        else:
            await self._answer(method, call, arguments)

    def _refusal(self, call: Call, method: Method | None) -> str | None:
        if method is None:
            return UNKNOWN_METHOD
        if (mismatch := method.mismatch(call)) is not None:
            return mismatch
        if call.invocation_id in self._streams:
            return "The invocation ID is already in use."
        return None

    def _refuse(self, call: Call, error: str | None) -> None:
        self._forget_uploads(call)
        self._complete(call, error=error)

    async def _answer(self, method: Method, call: Call, arguments: list[Any]) -> None:
        """Answer with what the method returns."""
        try:
            result = await method.handler(self.caller, *arguments)
        except Exception as error:  # noqa: BLE001 - whatever a method raises is its caller's answer
            self._log(call, error)
            self._complete(call, error=method_failed(call.target, error))
        else:
            self._complete(call, result=result)
        finally:
            self._forget_uploads(call)

    async def _stream(self, method: Method, call: StreamInvocation, arguments: list[Any]) -> None:
        """Answer with everything that the method yields."""
        error: str | None = None
        connection = self.caller.connection
        items = method.handler(self.caller, *arguments)
        try:
            async for item in items:
                connection.send(StreamItem(call.invocation_id, item))
                if connection.congested:
                    await connection.writable()
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
        """Cancel a stream that was still waiting for its turn."""
        if (task := self._streams.get(invocation_id)) is not None:
            task.cancel()

    def _complete(self, call: Call, *, error: str | None = None, result: Any = None) -> None:
        if call.invocation_id is None:
            return
        connection = self.caller.connection
        if error is not None:
            connection.send(Completion(call.invocation_id, error=error))
            return
        try:
            connection.send(Completion(call.invocation_id, result))
        except (TypeError, ValueError, OverflowError, RecursionError) as failure:
            self._log(call, failure)
            connection.send(Completion(call.invocation_id, error=method_failed(call.target, failure)))

    def _forget_uploads(self, call: Call) -> None:
        for stream_id in call.stream_ids or ():
            self._uploads.pop(stream_id, None)
        self._flow()

    @staticmethod
    def _log(call: Call, error: Exception) -> None:
        if not isinstance(error, HubException):
            log.error("Hub method %r failed", call.target, exc_info=error)
