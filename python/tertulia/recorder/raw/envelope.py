"""Which moment of our clock a moment of a sender's clock is, from when things that it stamped arrived.

What is stamped at ``x`` arrives at ``x + offset + delay``, and the delay is never negative. So the offset is the lower
envelope of ``arrival - x``. It changes slowly, by the drift of two quartzes, which a delay need not; that tells the two
apart: the envelope may rise or fall by :data:`_DRIFT` at most. Where that does not fit, the sender's clock was set, or
its capture stalled while its timestamps have no gap, and a new *stretch* begins.
"""

from __future__ import annotations

from array import array
from typing import Final

from tertulia.recorder.raw.curve import Curve

_DRIFT: Final = 250e-6
"""Seconds a second: 100 ppm between two machines are common, more is rare."""
_STEP: Final = 0.2
"""Seconds: what is further from the envelope than this may be a new stretch. Below, it is jitter."""
_CONFIRM: Final = 3.0
"""Seconds: a burst after a hole in the network has come down to the envelope by then."""
_CONFIRM_COUNT: Final = 3
_BIN: Final = 1.0
"""Seconds: of so much, the lowest is kept."""


class Stretch:
    """What arrived while the sender's clock ran on."""

    def __init__(self, sequence: int, x: float, arrival: float) -> None:
        self.sequence = sequence
        """Where it begins: the sequence number of its first packet."""
        self.since = arrival
        self._base = arrival - x
        self._at = x
        self._xs = array("d")
        self._offsets = array("d")
        self._count = 0
        self.add(x, arrival)

    def excess(self, x: float, arrival: float) -> float:
        """How far this is above the envelope so far; below it, less than 0."""
        return arrival - x - self._base - _DRIFT * abs(x - self._at)

    def add(self, x: float, arrival: float) -> None:
        """Take it into the envelope."""
        offset = arrival - x
        self._base = min(self._base + _DRIFT * abs(x - self._at), offset)
        self._at = x
        self._count += 1
        if not self._xs or abs(x - self._xs[-1]) >= _BIN:
            self._xs.append(x)
            self._offsets.append(offset)
        elif offset < self._offsets[-1]:
            self._xs[-1], self._offsets[-1] = x, offset

    def is_young(self, arrival: float) -> bool:
        """Whether it is too early to tell it from a burst."""
        return arrival - self.since < _CONFIRM or self._count < _CONFIRM_COUNT

    def close(self) -> Curve:
        """The offset by ``x``: the lower envelope, no steeper than drift either way."""
        points = sorted(zip(self._xs, self._offsets, strict=True))
        xs, offsets = array("d", (x for x, _ in points)), array("d", (offset for _, offset in points))
        for i in range(1, len(xs)):
            offsets[i] = min(offsets[i], offsets[i - 1] + _DRIFT * (xs[i] - xs[i - 1]))
        for i in range(len(xs) - 2, -1, -1):
            offsets[i] = min(offsets[i], offsets[i + 1] + _DRIFT * (xs[i + 1] - xs[i]))
        return Curve(xs, offsets)


class Envelope:
    """Sorts what arrives into stretches."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []
        self._candidate: Stretch | None = None
        self._highest = -1

    def add(self, sequence: int, x: float, arrival: float) -> None:
        """Something that was stamped ``x`` by the sender's clock, both in seconds; in the order of arrival."""
        if sequence <= self._highest:
            # It was sent again: when it came says nothing.
            return
        self._highest = sequence
        if not self._stretches:
            self._stretches.append(Stretch(sequence, x, arrival))
            return
        current = self._stretches[-1]
        excess = current.excess(x, arrival)
        if excess > _STEP:
            self._doubt(sequence, x, arrival)
            return
        self._candidate = None
        if excess < -_STEP and not current.is_young(arrival):
            self._stretches.append(Stretch(sequence, x, arrival))
        else:
            current.add(x, arrival)

    def finish(self) -> list[Stretch]:
        """All stretches, in order."""
        if self._candidate is not None:
            self._stretches.append(self._candidate)
            self._candidate = None
        return self._stretches

    def _doubt(self, sequence: int, x: float, arrival: float) -> None:
        candidate = self._candidate
        if candidate is None or candidate.excess(x, arrival) > _STEP:
            self._candidate = Stretch(sequence, x, arrival)
            return
        candidate.add(x, arrival)
        if not candidate.is_young(arrival):
            self._stretches.append(candidate)
            self._candidate = None
