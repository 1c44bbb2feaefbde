"""What sessions cost an SFU that are connected and silent: the Rust bench ``media sessions``."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Final

from bench import program

COUNT: Final = 1_000
MEMORY_BAR: Final = 350e3
"""Bytes of each: what there was when it was first measured, rounded up."""
TIMEOUT: Final = 600.0
"""Seconds."""
CPU_BAR: Final = 0.09
"""Of one core, all of them together: what was seen on a machine that was busy with other work."""


@dataclass(frozen=True)
class Sessions:
    """``bytes_each`` is the memory that is the process's alone; ``idle_share`` of one core."""

    sessions: int
    bytes_each: int
    idle_share: float


def measure(count: int) -> Sessions:
    """Connects so many, which takes a minute, and watches them for half of one."""
    argv = (program.media(), "sessions", str(count))
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT)
    return Sessions(**json.loads(done.stdout))
