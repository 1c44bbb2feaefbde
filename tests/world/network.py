"""Links between processes. Each direction keeps its order; nothing else is promised."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from tests.world.clock import Clock, Process

_DELAYS: Final = (0.0, 0.0, 0.001, 0.001, 0.002, 0.005, 0.02, 0.1)
_SLOW: Final = (0.0, 0.002, 0.05, 0.3, 1.0, 2.5)
"""Seconds. Redis' calls have a deadline of 3 s."""


class Weather:
    """How long messages take. ``roughness``: the share of those that take long."""

    __slots__ = ("random", "roughness")

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.roughness = 0.05

    def delay(self) -> float:
        """Seconds that a message takes."""
        draw = self.random.random()
        if draw < self.roughness:
            return _SLOW[int(draw / self.roughness * len(_SLOW))]
        return _DELAYS[int(draw * 1000) % len(_DELAYS)]

    def chance(self, share: float) -> bool:
        """True in so many cases."""
        return self.random.random() < share


class Pipe:
    """One direction of a connection, to ``receiver``."""

    __slots__ = ("_clock", "_cut_at", "_last", "_receiver", "_weather", "is_cut")

    def __init__(self, clock: Clock, weather: Weather, receiver: Process | None) -> None:
        self._clock = clock
        self._weather = weather
        self._receiver = receiver
        self._last = 0.0
        self._cut_at = 0.0
        self.is_cut = False

    def send(self, arrive: Callable[..., None], *args: Any) -> None:
        """Let ``arrive(*args)`` happen at the other end, behind what was sent before."""
        self._last = max(self._last, self._clock.now + self._weather.delay())
        self._clock.at(self._last, self._receiver, self._arrive, self._last, arrive, args)

    def cut(self) -> float:
        """The connection breaks. Of what is under way the first part may still arrive, until the time that is given."""
        if not self.is_cut:
            self.is_cut = True
            self._cut_at = self._clock.now + (self._weather.delay() if self._weather.chance(0.5) else 0.0)
        return self._cut_at

    def _arrive(self, at: float, arrive: Callable[..., None], args: tuple[Any, ...]) -> None:
        # By the time it came: a receiver that stood still finds in its buffer what came before the end.
        if not self.is_cut or at < self._cut_at:
            arrive(*args)
