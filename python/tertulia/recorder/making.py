"""Running the process that makes films: watched, and killed when nobody wants its work any more."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from tertulia.db.models import Job
from tertulia.process.child import Child, Process, describe
from tertulia.recorder.films import Alive, Broken, Films, Finished, Fraction, Nothing, Said, read_films
from tertulia.recorder.jobs.inputs import Fault, NoMedia
from tertulia.recorder.jobs.retry import Cause
from tertulia.recorder.place import Place

MEMORY: Final = 4 << 30
"""Bytes that the process may have resident. A film of 25 people takes a fraction of it."""
WATCH: Final = 1.0
"""Seconds between two looks at its memory."""
LAST_LINES: Final = 20
"""Of what it wrote that is no message: for the log, if it fails."""

_log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(Said)
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


async def make(
    place: Place, job: Job, progress: Callable[[float], None], alive: Callable[[], None]
) -> Films | NoMedia | Fault:
    """Make the films of ``job``. If this is cancelled, the process is killed.

    ``progress`` hears what part is done; ``alive`` is called while it gets on by less than could be seen there.
    """
    raw = tuple(await asyncio.to_thread(place.raw_files))
    talk = _Talk(progress, alive)
    argv = [sys.executable, "-m", "tertulia.recorder.maker", str(place.path), job.layout]
    if job.id == job.source_id:
        argv.append("--tracks")
    process = Process(Child(name="film", argv=tuple(argv)), talk.hear)
    watch = asyncio.create_task(_watch(process))
    try:
        status = await asyncio.shield(process.ended)
    finally:
        watch.cancel()
        process.kill()
        await asyncio.wait({process.ended, watch})
    if not watch.cancelled() and watch.done():
        return Fault(f"the film needs more than {MEMORY >> 30} GiB of memory", Cause.FILM)
    outcome = await asyncio.to_thread(talk.outcome, place, status)
    return replace(outcome, raw=raw) if isinstance(outcome, Films) else outcome


async def _watch(process: Process) -> None:
    """Kill the process once it has too much memory; returns only then."""
    while _resident(process.pid) <= MEMORY:  # noqa: ASYNC110 - the kernel has no event for it
        await asyncio.sleep(WATCH)
    process.kill()


def _resident(pid: int) -> int:
    """Bytes, from statm of proc(5); 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


class _Talk:
    """What the process says, line by line."""

    def __init__(self, progress: Callable[[float], None], alive: Callable[[], None]) -> None:
        self._progress = progress
        self._alive = alive
        self._last: Finished | Nothing | Broken | None = None
        self._other: deque[str] = deque(maxlen=LAST_LINES)

    def hear(self, line: bytes) -> None:
        """Take a line."""
        try:
            said = _decoder.decode(line)
        except msgspec.DecodeError:
            self._other.append(line.decode(errors="replace"))
            return
        if isinstance(said, Fraction):
            self._progress(said.done)
        elif isinstance(said, Alive):
            self._alive()
        else:
            self._last = said

    def outcome(self, place: Place, status: int) -> Films | NoMedia | Fault:
        """What came of it, given the exit status."""
        match self._last:
            case Finished(name) if status == 0:
                return read_films(place.work / name)
            case Nothing(reason):
                return Fault(reason, Cause.FINAL) if place.has_media() else NoMedia()
            case Broken(error, is_disk):
                return Fault(error, Cause.OUTSIDE if is_disk else Cause.FILM)
        _log.error("making a film failed", status=status, output="\n".join(self._other))
        return Fault(f"the process that makes the film {describe(status)}: see the log of the recorder", Cause.FILM)
