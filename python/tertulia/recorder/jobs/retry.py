"""Which faults are tried again, how often, and when."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Cause(Enum):
    """Why a step failed: what it means for trying again."""

    OUTSIDE = "outside"
    """Storage, database or disk. It passes, or people mend it: tried for some hours."""
    FILM = "film"
    """Making the film failed, or took too long or too much. The next time may be no better: tried three times."""
    FINAL = "final"
    """Trying again cannot help."""


ATTEMPTS: Final = {Cause.OUTSIDE: 30, Cause.FILM: 3, Cause.FINAL: 1}
"""How often a job is attempted before it has failed, each cause counted by itself. Thirty attempts take about eleven
hours."""
FIRST_DELAY: Final = 5.0
LAST_DELAY: Final = 1800.0
"""Seconds before the next attempt. They double each time."""


def delay_after(attempts: int) -> float:
    """Seconds to wait after so many attempts, from 1."""
    return min(FIRST_DELAY * 2.0 ** min(attempts - 1, 20), LAST_DELAY)
