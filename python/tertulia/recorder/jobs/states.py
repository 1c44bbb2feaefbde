"""The states of a recorder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tertulia.contract.fields import RecordingStage
from tertulia.db.models import Job
from tertulia.recorder.jobs.effects import Verdict
from tertulia.recorder.jobs.pace import Pace


@dataclass(slots=True)
class Idle:
    """Nothing to do until ``look_at``."""

    look_at: float


@dataclass(slots=True)
class Claiming:
    """A claim was sent at ``asked_at``."""

    asked_at: float


@dataclass(slots=True)
class Lease:
    """Ours until ``until``, to be renewed at ``renew_at``."""

    until: float
    renew_at: float


@dataclass(slots=True)
class Working:
    """A step of the job is under way."""

    job: Job
    lease: Lease
    stage: RecordingStage
    pace: Pace


@dataclass(slots=True)
class Closing:
    """The verdict is to be written. ``again_at``: the database did not answer, and is asked again then."""

    job: Job
    lease: Lease
    verdict: Verdict
    again_at: float | None = None


@dataclass(slots=True)
class Clearing:
    """The job is done, and its local files go."""

    job: Job


@dataclass(slots=True)
class Ended:
    """The process ends."""


State: TypeAlias = Idle | Claiming | Working | Closing | Clearing | Ended
