"""What a recorder has done for it. An effect with a ticket is answered by an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tertulia.contract.fields import RecordingStage
from tertulia.db.models import Job
from tertulia.recorder.films import Films
from tertulia.recorder.jobs.inputs import Stored
from tertulia.recorder.jobs.retry import Cause


@dataclass(frozen=True, slots=True)
class Ready:
    """The film is made and stored."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class Empty:
    """There was no media."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt failed; the next is in ``retry_in`` seconds. None: that was the last."""

    error: str
    cause: Cause
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The job may be taken by any recorder in ``retry_in`` seconds, and this attempt does not count. ``error``: what
    keeps it from being done."""

    retry_in: float
    error: str | None = None


Verdict: TypeAlias = Ready | Empty | Failed | GivenBack


@dataclass(frozen=True, slots=True)
class Claim:
    """Lease a job, if there is one."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Gather:
    """See that all raw files of the job are here and whole."""

    ticket: int
    job: Job


@dataclass(frozen=True, slots=True)
class Film:
    """Make the film and the files of the tracks."""

    ticket: int
    job: Job


@dataclass(frozen=True, slots=True)
class Store:
    """Store what was made, and the raw files."""

    ticket: int
    job: Job
    films: Films


@dataclass(frozen=True, slots=True)
class Close:
    """Write into the job's row how it ended, and end the lease."""

    ticket: int
    job: Job
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove the job's local files that are stored."""

    ticket: int
    job: Job


@dataclass(frozen=True, slots=True)
class Renew:
    """Renew the lease, and say how far the job is. ``remaining`` is in seconds; None: not known."""

    job: Job
    stage: RecordingStage
    fraction: float
    remaining: float | None


@dataclass(frozen=True, slots=True)
class Abort:
    """Stop whatever step is under way, at once; its outcome is of no use."""


@dataclass(frozen=True, slots=True)
class Exit:
    """End the process."""


Effect: TypeAlias = Claim | Gather | Film | Store | Close | Clear | Renew | Abort | Exit
