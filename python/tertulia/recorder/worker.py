"""``tertulia recorder``: carries out what :mod:`tertulia.recorder.jobs` decides, and sweeps up.

It may be killed at any time. It holds nothing but a lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from tertulia.config import Config
from tertulia.db import schema
from tertulia.db.clock import DatabaseClock
from tertulia.db.engine import Database
from tertulia.db.jobs import Jobs
from tertulia.db.models import Job
from tertulia.db.recording_keys import RecordingKeys
from tertulia.errors import StorageError, TertuliaError, Unavailable
from tertulia.master_key import master_key
from tertulia.outage import Outage
from tertulia.process import descriptors, notify
from tertulia.recorder.gathering import STILL_WRITTEN, gather
from tertulia.recorder.jobs import effects, inputs
from tertulia.recorder.jobs.recorder import LEASE, LOOK, Recorder
from tertulia.recorder.jobs.retry import Cause
from tertulia.recorder.jobs.states import Ended, Idle
from tertulia.recorder.making import make
from tertulia.recorder.place import Place
from tertulia.recorder.shipping import Shipping
from tertulia.recorder.sweeping import Sweeper
from tertulia.storage import SealedStorage, SealingKey, open_storage

END_SECONDS: Final = 0.5
"""How long what is under way may take to end, once the recorder has ended."""

_log = structlog.get_logger(__name__)


async def run_recorder(config: Config) -> None:
    """Run until SIGTERM or SIGINT, then give back the job.

    Raises:
        ConfigError: a setting is wrong, or this version does not work with the database's schema.
        Unavailable: the database does not answer at the start.
    """
    descriptors.allow_all()  # the process that makes a film reads all tracks of a moment at once
    database = Database(config.need("database_url"))
    try:
        await schema.check(database)
        keys = RecordingKeys(database, master_key(config))
        await Worker(database, keys, SealedStorage(open_storage(config.storage), keys), config.raw_dir).run()
    finally:
        await database.close()


class Worker:
    """One recorder process."""

    def __init__(self, database: Database, keys: RecordingKeys, storage: SealedStorage, recordings: Path) -> None:
        self._name = f"{socket.gethostname()[:80]}:{os.getpid()}"
        self._jobs = Jobs(database)
        self._clock = DatabaseClock(database)
        self._keys = keys
        self._storage = storage
        self._recordings = recordings
        self._sweeper = Sweeper(database, storage, recordings)
        self._recorder = Recorder(Idle(time.monotonic()))
        self._step: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._unrenewed = Outage("leases cannot be renewed", "leases are renewed again")

    async def run(self) -> None:
        """Run until a signal to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: self._feed(inputs.Stop()))
        sweeping = asyncio.create_task(self._sweeper.run())
        _log.info("recorder runs", recorder=self._name, recordings=str(self._recordings))
        try:
            async with notify.told(os.environ):
                while not isinstance(self._recorder.state, Ended):
                    self._feed(inputs.Tick())
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), LOOK)
        finally:
            left = [task for task in (sweeping, self._step, *self._tasks) if task is not None]
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=END_SECONDS)

    def _feed(self, what: inputs.Input) -> None:
        for effect in self._recorder.handle(what, time.monotonic()):
            self._carry_out(effect)
        self._changed.set()

    def _carry_out(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Abort():
                if self._step is not None:
                    self._step.cancel()
            case effects.Exit():
                pass
            case effects.Renew():
                self._keep(asyncio.create_task(self._renew(effect)))
            case effects.Close():
                # The step before is ending, perhaps. It is not waited for: what it does has no effect any more.
                self._keep(asyncio.create_task(self._answer(effect.ticket, self._close(effect))))
            case _:
                self._step = asyncio.create_task(self._answer(effect.ticket, self._run(effect)))
                self._keep(self._step)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- steps

    async def _answer(self, ticket: int, work: Coroutine[Any, Any, inputs.Outcome]) -> None:
        try:
            outcome = await work
        except (Unavailable, StorageError) as error:
            outcome = inputs.Fault(error.message, Cause.OUTSIDE)
        except OSError as error:
            outcome = inputs.Fault(f"the disk: {error.strerror or error}: {error.filename}", Cause.OUTSIDE)
        except TertuliaError as error:
            outcome = inputs.Fault(error.message, Cause.FILM)
        except Exception:  # noqa: BLE001 — the job has to end with an error, not in silence
            _log.exception("a recorder's step failed")
            outcome = inputs.Fault("an error in the recorder: see its log", Cause.FILM)
        self._feed(inputs.Answer(ticket, outcome))

    async def _run(self, effect: effects.Effect) -> inputs.Outcome:
        match effect:
            case effects.Claim():
                return await self._jobs.claim(self._name, await self._clock.now(), LEASE)
            case effects.Gather(_, job):
                return await gather(self._storage, self._recordings, job, await self._clock.now())
            case effects.Film(ticket, job):
                _log.info("making a film", recording=job.id, layout=job.layout, attempt=job.attempts)
                return await make(
                    self._place(job),
                    job,
                    lambda done: self._feed(inputs.Progressed(ticket, done)),
                    lambda: self._feed(inputs.Alive(ticket)),
                )
            case effects.Store(ticket, job, films):
                shipping = Shipping(
                    self._storage,
                    await self._key(job),
                    self._place(job),
                    job,
                    lambda done: self._feed(inputs.Progressed(ticket, done)),
                )
                return await shipping.run(films)
            case effects.Clear(_, job):
                await self._sweeper.clear(job.id)
                return inputs.Cleared()
        raise ValueError(f"{effect} is no step")

    async def _key(self, job: Job) -> SealingKey | None:
        """The tenant's key. Without one, what was encrypted before does not become plain."""
        current = await self._keys.current(job.tenant_id)
        if current is not None:
            return SealingKey(*current)
        return None if job.key_id is None else SealingKey(job.key_id, await self._keys.secret(job.key_id))

    def _place(self, job: Job) -> Place:
        return Place(self._recordings, job.id)

    # -- the job's row

    async def _renew(self, effect: effects.Renew) -> None:
        asked_at = time.monotonic()
        try:
            now = await self._clock.now()
            expected = None if effect.remaining is None else now + timedelta(seconds=min(effect.remaining, 1e7))
            over = None if effect.stage == "waiting" else STILL_WRITTEN
            held = await self._jobs.renew(effect.job, now, effect.stage, effect.fraction, expected, over=over)
        except Unavailable as error:
            self._unrenewed.failed(error, recording=effect.job.id)
            return
        self._unrenewed.worked()
        self._feed(inputs.Renewed(effect.job, asked_at, held))

    async def _close(self, effect: effects.Close) -> inputs.Outcome:
        return inputs.Closed(await self._write(effect.job, effect.verdict, await self._clock.now()))

    async def _write(self, job: Job, verdict: effects.Verdict, now: datetime) -> bool:
        match verdict:
            case effects.Ready(stored):
                _log.info("a film is ready", recording=job.id, seconds=round(stored.film.duration, 1))
                return await self._jobs.ready(job, stored.film, stored.tracks, stored.trouble, now=now)
            case effects.Empty():
                _log.info("a recording is empty", recording=job.id)
                return await self._jobs.empty(job)
            case effects.Failed(error, cause, retry_in):
                _log.warning("a film could not be made", recording=job.id, error=error, again_in=retry_in)
                retry_at = None if retry_in is None else now + timedelta(seconds=retry_in)
                return await self._jobs.failed(job, error, retry_at, by_film=cause is Cause.FILM)
            case effects.GivenBack(retry_in, error):
                if error is not None and error != job.error:
                    _log.warning("a film cannot be made yet", recording=job.id, error=error)
                return await self._jobs.give_back(job, now + timedelta(seconds=retry_in), error)
