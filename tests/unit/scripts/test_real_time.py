"""No test may take a real-time priority: libwebrtc would, and freeze the machine. See tests/conftest.py."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from scripts.real_time import CAP_SYS_NICE

_STATUS = "from pathlib import Path; print(Path('/proc/self/status').read_text())"


def _may_take_one(status: str) -> list[str]:
    """The capability sets that still allow it."""
    sets = re.findall(r"^(Cap(?:Prm|Eff)):\t(\w+)$", status, re.MULTILINE)
    assert len(sets) == 2
    return [name for name, bits in sets if int(bits, 16) >> CAP_SYS_NICE & 1]


def test_neither_this_process_nor_what_it_starts_may_take_a_real_time_priority() -> None:
    assert _may_take_one(Path("/proc/self/status").read_text()) == []
    child = subprocess.run([sys.executable, "-c", _STATUS], capture_output=True, text=True, check=True)
    assert _may_take_one(child.stdout) == []
