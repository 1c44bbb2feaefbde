"""What a recorder hears: time, a wish to stop, and the outcomes of its effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tertulia.db.models import Job, Made, MadeTrack
from tertulia.recorder.films import Films
from tertulia.recorder.jobs.retry import Cause


@dataclass(frozen=True, slots=True)
class Gathered:
    """The raw files are here, and whole."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """They are not: to be looked at again in so many seconds. ``error``: why, if that takes too long."""

    again_in: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class NoMedia:
    """There is nothing to make a film of."""


@dataclass(frozen=True, slots=True)
class Stored:
    """All files are stored, and verified. ``trouble``: what of the recording was lost, in words."""

    film: Made
    tracks: tuple[MadeTrack, ...]
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """The job's row says how it ended. Not ``held``: the job was another recorder's, and nothing changed."""

    held: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    """The local files are removed, as far as they may be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The step failed. ``error`` is for people."""

    error: str
    cause: Cause


Outcome: TypeAlias = Job | Gathered | NotYet | NoMedia | Films | Stored | Closed | Cleared | Fault | None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. Comes each second at least."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The recorder is to end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of the effect with this ticket."""

    ticket: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Progressed:
    """So much of the step is done, 0 to 1."""

    ticket: int
    fraction: float


@dataclass(frozen=True, slots=True)
class Alive:
    """The step gets on, by less than a fraction could say."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """SQL's answer to a renewal that was asked for at ``asked_at``; ``held``: the job is still ours."""

    job: Job
    asked_at: float
    held: bool


Input: TypeAlias = Tick | Stop | Answer | Progressed | Alive | Renewed
