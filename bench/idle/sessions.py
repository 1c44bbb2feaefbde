"""What sessions cost an SFU that are connected and silent: the Rust bench ``media sessions``."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Final

from bench import program

COUNT: Final = 1_000
DTLS: Final = ("1.3", "1.2")
"""What browsers speak, and what other clients do that have nothing newer."""
MEMORY_BAR: Final = 100e3
"""Bytes of each."""
TIMEOUT: Final = 600.0
"""Seconds."""
CPU_BAR: Final = 0.07
"""Of one core, all of them together: 2.4 to 6.5 % were seen, by how busy the machine was with other work."""


@dataclass(frozen=True)
class Sessions:
    """``bytes_each`` is the memory that is the process's alone; ``idle_share`` of one core."""

    sessions: int
    bytes_each: int
    idle_share: float


def measure(count: int, dtls: str) -> Sessions:
    """Connects so many with a version of DTLS, which takes a minute, and watches them for half of one."""
    argv = (program.media(), "sessions", str(count), dtls)
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT)
    return Sessions(**json.loads(done.stdout))
