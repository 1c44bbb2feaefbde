"""A function that is known at some points."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


class Curve:
    """Straight between its points, level before the first and after the last."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float]) -> None:
        """``xs`` in order, neither empty."""
        self._xs = xs
        self._ys = ys

    def __call__(self, x: float) -> float:
        """Its value at ``x``."""
        xs, ys = self._xs, self._ys
        right = bisect_right(xs, x)
        if not right:
            return ys[0]
        if right == len(xs):
            return ys[-1]
        x0, x1 = xs[right - 1], xs[right]
        return ys[right - 1] + (ys[right] - ys[right - 1]) * (x - x0) / (x1 - x0)
