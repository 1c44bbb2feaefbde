"""How the time that work takes grows with its size."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable
from typing import Final

FACTOR: Final = 4
BAR: Final = 9.0
"""What is linear takes 4 times as long for 4 times as much, what is quadratic 16 times: far from both."""
FREE: Final = 0.002
"""CPU seconds that any work may take: shorter times vary by themselves."""
ATTEMPTS: Final = 20


def assert_linear(work: Callable[[int], Callable[[], object]], size: int) -> None:
    """What ``work`` makes of ``size`` takes at most ``BAR`` times the CPU time of what it makes of a quarter of it.

    Other work on the machine makes a run dearer, none makes it cheaper: so the least of the runs counts, of as many as
    it takes to tell.
    """
    few = many = math.inf
    # Else a long run would also look at the objects of all other tests.
    gc.disable()
    try:
        for _ in range(ATTEMPTS):
            few, many = min(few, cpu_seconds(work(size // FACTOR))), min(many, cpu_seconds(work(size)))
            if many <= max(BAR * few, FREE):
                return
    finally:
        gc.enable()
    raise AssertionError(f"{size // FACTOR} take {few * 1e3:.2f} ms, {size} take {many * 1e3:.2f} ms")


def cpu_seconds(work: Callable[[], object]) -> float:
    """What it takes of this thread's CPU time."""
    began = time.thread_time()
    work()
    return time.thread_time() - began
