"""What a recorder does with the jobs in SQL, as a pure value: an input and the time in, effects out.

One job at a time. A step that takes time is an effect with a ticket; its outcome comes back as an :class:`Answer` with
the same ticket, and one with an old ticket is ignored. Times are in seconds of a monotonic clock.

Whatever happens to a recorder, the job's row in SQL is still ``processing``, and nothing local is gone that has not
been stored; so when the lease has run out, another one takes the job and goes on from what has been made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tertulia.db.models import Job
from tertulia.recorder.films import Films
from tertulia.recorder.jobs.effects import (
    Abort,
    Claim,
    Clear,
    Close,
    Effect,
    Empty,
    Exit,
    Failed,
    Film,
    Gather,
    GivenBack,
    Ready,
    Renew,
    Store,
    Verdict,
)
from tertulia.recorder.jobs.inputs import (
    Alive,
    Answer,
    Closed,
    Fault,
    Gathered,
    Input,
    NoMedia,
    NotYet,
    Outcome,
    Progressed,
    Renewed,
    Stop,
    Stored,
    Tick,
)
from tertulia.recorder.jobs.pace import Pace
from tertulia.recorder.jobs.retry import ATTEMPTS, Cause, delay_after
from tertulia.recorder.jobs.states import Claiming, Clearing, Closing, Ended, Idle, Lease, State, Working

LOOK: Final = 1.0
"""Seconds between two looks for a job, and between two attempts to reach the database."""
LEASE: Final = 15.0
"""Seconds for which a job is leased."""
RENEW: Final = 5.0
"""Seconds between two renewals: two may be lost."""
MARGIN: Final = 1.0
"""A recorder takes its lease for over so many seconds before it is."""
STALL: Final = 300.0
"""Seconds without a sign of life, after which making a film is taken to hang. Storage has deadlines of its own."""
STOP: Final = 4.0
"""Seconds that a recorder may take to stop. Then it ends as it is, which does no harm either."""


@dataclass(slots=True)
class Recorder:
    """One recorder. Give :meth:`handle` each input in turn, and carry out what it returns, in order."""

    state: State
    stop_at: float | None = None
    """It is to end, at this time at the latest."""
    _ticket: int = field(default=0)

    def handle(self, what: Input, now: float) -> list[Effect]:
        """Take an input."""
        if isinstance(self.state, Ended):
            return []
        match what:
            case Stop():
                return self._stop(now)
            case Tick():
                return self._tick(now)
            case Progressed(ticket, fraction):
                if ticket == self._ticket and isinstance(self.state, Working):
                    self.state.pace.reach(fraction, now)
                return []
            case Alive(ticket):
                if ticket == self._ticket and isinstance(self.state, Working):
                    self.state.pace.live(now)
                return []
            case Renewed():
                return self._renewed(what, now)
            case Answer(ticket, outcome):
                return self._answered(outcome, now) if ticket == self._ticket else []

    # -- time

    def _tick(self, now: float) -> list[Effect]:
        if self.stop_at is not None and now >= self.stop_at:
            return self._end()
        match self.state:
            case Idle(look_at) if now >= look_at:
                self.state = Claiming(now)
                return [Claim(self._next())]
            case Working(lease=lease) | Closing(lease=lease) if now >= lease.until:
                return self._lost(now)
            case Working(stage="composing", pace=pace) if now - pace.alive_at > STALL:
                return self._fault(self.state, Fault(f"no sign of life for {STALL / 60:.0f} minutes", Cause.FILM))
            case Closing(again_at=again_at) if again_at is not None and now >= again_at:
                return [*self._renewal(now), *self._close(self.state.job, self.state.lease, self.state.verdict)]
        return self._renewal(now)

    def _renewal(self, now: float) -> list[Effect]:
        match self.state:
            case Working(job=job, lease=lease, stage=stage, pace=pace) if now >= lease.renew_at:
                lease.renew_at = now + RENEW
                return [Renew(job, stage, pace.fraction, pace.remaining(now))]
        return []

    def _renewed(self, what: Renewed, now: float) -> list[Effect]:
        match self.state:
            case Working(job=job, lease=lease) if job == what.job:
                if not what.held:
                    return self._lost(now)
                lease.until = max(lease.until, what.asked_at + LEASE - MARGIN)
        return []

    def _lost(self, now: float) -> list[Effect]:
        self._next()
        return [Abort(), *self._idle(now)]

    # -- stopping

    def _stop(self, now: float) -> list[Effect]:
        if self.stop_at is None:
            self.stop_at = now + STOP
        match self.state:
            case Idle() | Clearing():
                return self._end()
            case Working(job=job, lease=lease):
                return [Abort(), *self._close(job, lease, GivenBack(0.0))]
        return []

    def _end(self) -> list[Effect]:
        self.state = Ended()
        return [Abort(), Exit()]

    def _idle(self, now: float) -> list[Effect]:
        self.state = Idle(now + LOOK)
        return self._end() if self.stop_at is not None else []

    # -- steps

    def _answered(self, outcome: Outcome, now: float) -> list[Effect]:
        match self.state:
            case Claiming(asked_at):
                return self._claimed(outcome, asked_at, now)
            case Working():
                return self._worked(self.state, outcome, now)
            case Closing():
                return self._closed(self.state, outcome, now)
            case Clearing():
                self.state = Idle(now)  # where there was one job there may be another
                return []
        return []

    def _claimed(self, outcome: Outcome, asked_at: float, now: float) -> list[Effect]:
        if not isinstance(outcome, Job):
            return self._idle(now)
        lease = Lease(asked_at + LEASE - MARGIN, now + RENEW)
        if self.stop_at is not None:
            return self._close(outcome, lease, GivenBack(0.0))
        self.state = Working(outcome, lease, "waiting", Pace(now))
        return [Gather(self._next(), outcome)]

    def _worked(self, at: Working, outcome: Outcome, now: float) -> list[Effect]:
        match outcome:
            case Gathered():
                at.stage, at.pace = "composing", Pace(now)
                return [self._report(at), Film(self._next(), at.job)]
            case Films():
                at.stage, at.pace = "uploading", Pace(now)
                return [self._report(at), Store(self._next(), at.job, outcome)]
            case Stored():
                return self._close(at.job, at.lease, Ready(outcome))
            case NotYet(again_in, error):
                return self._close(at.job, at.lease, GivenBack(again_in, error))
            case NoMedia():
                return self._close(at.job, at.lease, Empty())
            case Fault():
                return self._fault(at, outcome)
        raise ValueError(f"{outcome} is no outcome of {at.stage}")

    def _report(self, at: Working) -> Effect:
        return Renew(at.job, at.stage, 0.0, None)

    def _fault(self, at: Working, fault: Fault) -> list[Effect]:
        by_film, job = fault.cause is Cause.FILM, at.job
        attempts = job.film_faults + 1 if by_film else job.attempts - job.film_faults
        is_last = attempts >= ATTEMPTS[fault.cause]
        verdict = Failed(fault.error, fault.cause, None if is_last else delay_after(attempts))
        return [Abort(), *self._close(at.job, at.lease, verdict)]

    def _close(self, job: Job, lease: Lease, verdict: Verdict) -> list[Effect]:
        self.state = Closing(job, lease, verdict)
        return [Close(self._next(), job, verdict)]

    def _closed(self, at: Closing, outcome: Outcome, now: float) -> list[Effect]:
        match outcome:
            case Closed(held=True) if isinstance(at.verdict, Ready | Empty) and self.stop_at is None:
                self.state = Clearing(at.job)
                return [Clear(self._next(), at.job)]
            case Closed():
                return self._idle(now)
            case Fault():
                at.again_at = now + LOOK
                return []
        raise ValueError(f"{outcome} is no outcome of closing a job")

    def _next(self) -> int:
        self._ticket += 1
        return self._ticket
