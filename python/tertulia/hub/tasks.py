"""Coroutines that run on their own, until the hub stops."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, TypeVar

import structlog

T = TypeVar("T")

_log: Final = structlog.get_logger(__name__)


async def for_each(items: Iterable[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do ``work`` for all, so many at once. One part of a cluster may be away: what fails for some is done for the
    others nevertheless, and the first failure is raised at the end."""
    problems: list[BaseException] = []
    batches = iter(items)
    while batch := list(itertools.islice(batches, at_once)):
        results = await asyncio.gather(*(work(item) for item in batch), return_exceptions=True)
        problems += [result for result in results if result is not None]
    if problems:
        raise problems[0]


class Tasks:
    """Holds them (the event loop itself does not), logs what escapes them, ends them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run ``work``, which handles its own expected errors."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def stop(self) -> None:
        """Cancel what still runs, and wait for it."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of the hub failed", exc_info=error)
