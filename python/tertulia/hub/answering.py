"""Whether SQL answers, as whoever reads it finds. Pure."""

from __future__ import annotations

from typing import Final

UNANSWERED: Final = 2.0
"""Seconds after which a reading tells that SQL is away, if none was answered meanwhile."""
AWAY: Final = 10.0
"""For how long it is taken to be away after a reading has failed, unless one is answered before."""
_NEVER: Final = float("-inf")


class Answering:
    """Times are seconds of one clock."""

    def __init__(self) -> None:
        self._unanswered: list[float] = []
        """When the readings under way have begun."""
        self._answered = _NEVER
        self._away_until = _NEVER

    def begin(self, now: float) -> None:
        """A reading begins."""
        self._unanswered.append(now)

    def answered(self, began: float, now: float) -> None:
        """The reading that began then was answered."""
        self._unanswered.remove(began)
        self._answered, self._away_until = now, _NEVER

    def failed(self, began: float, now: float) -> None:
        """It was not. That others were answered meanwhile shows that SQL is slow, not away."""
        self._unanswered.remove(began)
        if self._answered < began:
            self._away_until = now + AWAY

    def is_asked(self) -> bool:
        """Whether a reading is under way."""
        return bool(self._unanswered)

    def is_away(self, now: float) -> bool:
        """Whether SQL is not to be waited for."""
        is_silent = any(self._answered < began <= now - UNANSWERED for began in self._unanswered)
        return is_silent or now < self._away_until
