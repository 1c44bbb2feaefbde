"""How fast a job gets on, and when it will have ended."""

from __future__ import annotations

from typing import Final

WINDOW: Final = 60.0
"""Seconds. Older progress says little: what was found ready counts at once, and a machine is not always as busy."""


class Pace:
    """The progress of one stage of a job."""

    def __init__(self, now: float) -> None:
        self._marks: list[tuple[float, float]] = [(now, 0.0)]
        self._alive_at = now

    @property
    def fraction(self) -> float:
        """What is done, 0 to 1."""
        return self._marks[-1][1]

    @property
    def alive_at(self) -> float:
        """When there was a sign of life last: progress is one."""
        return max(self._alive_at, self._marks[-1][0])

    def live(self, now: float) -> None:
        """Take note that it gets on, by less than a fraction could say."""
        self._alive_at = now

    def reach(self, fraction: float, now: float) -> None:
        """Take note that ``fraction`` is done. Less than before is ignored."""
        fraction = min(fraction, 1.0)
        if fraction <= self.fraction:
            return
        if self._marks[-1][0] > now - 1.0 and len(self._marks) > 1:
            self._marks[-1] = (self._marks[-1][0], fraction)  # at most one a second: the window bounds the list
        else:
            self._marks.append((now, fraction))
        while len(self._marks) > 2 and self._marks[1][0] < now - WINDOW:
            del self._marks[0]

    def remaining(self, now: float) -> float | None:
        """Seconds to go; None: not known yet."""
        (began, from_), (_, done) = self._marks[0], self._marks[-1]
        if done <= from_ or now <= began:
            return None
        return (1.0 - done) * (now - began) / (done - from_)
