"""The rate limit of one connection: a token bucket (RFC 2697 in spirit) and how long it has been refusing. Pure."""

from __future__ import annotations

import enum
from typing import Final

_CALM: Final = 1.0
"""Seconds without a refusal that end a run of refusals."""


class Verdict(enum.Enum):
    """What becomes of a call."""

    ADMIT = enum.auto()
    REFUSE = enum.auto()
    CLOSE = enum.auto()
    """It has been refused for too long."""


class Rate:
    """``now`` is in seconds and never runs backwards."""

    __slots__ = ("_at", "_calls", "_first_refusal", "_last_refusal")

    def __init__(self, burst: int, now: float) -> None:
        self._calls = float(burst)
        self._at = now
        self._first_refusal = self._last_refusal = -_CALM

    def call(self, now: float, per_second: float, burst: int, limited_for: float) -> Verdict:
        """One more call: ``burst`` at once, ``per_second`` in the long run; refused for ``limited_for`` seconds:
        closed."""
        calls = self._calls + (now - self._at) * per_second
        self._at = now
        self._calls = calls if calls < burst else float(burst)
        if self._calls >= 1:
            self._calls -= 1
            return Verdict.ADMIT
        if now - self._last_refusal >= _CALM:
            self._first_refusal = now
        self._last_refusal = now
        return Verdict.CLOSE if now - self._first_refusal >= limited_for else Verdict.REFUSE
