"""``python -m bench.idle``: prints what an idle ``tertulia dev`` uses, and what 1,000 silent sessions cost an SFU; ends
with 1 if anything is over its bar.
"""

from __future__ import annotations

import sys

from bench.idle import sessions
from tests.integration.dev.idle import CPU_BAR, MEMORY_BAR, WAKEUPS_BAR, measure

SECONDS = 30.0


def main() -> int:
    idle = measure(SECONDS)
    print(f"ready after {idle.start_seconds:.1f} s; then {SECONDS:.0f} s without a meeting:")
    for process in idle.processes:
        print(_line(idle.cpu[process.pid], idle.wakeups[process.pid], process.pss_bytes, process.command))
    print(_line(idle.cpu_total, idle.wakeups_total, idle.memory_total, "together"))
    print(_line(CPU_BAR, WAKEUPS_BAR, MEMORY_BAR, "are the bars"))
    is_over = False
    print(f"{sessions.COUNT:,} sessions that are sent nothing, with 9 slots for video and 3 for audio, at an SFU:")
    for dtls in sessions.DTLS:
        silent = sessions.measure(sessions.COUNT, dtls)
        print(f"{silent.idle_share:8.2%} of a core  {silent.bytes_each / 1e3:7.1f} kB for each  by DTLS {dtls}")
        is_over |= silent.idle_share > sessions.CPU_BAR or silent.bytes_each > sessions.MEMORY_BAR
    print(f"{sessions.CPU_BAR:8.2%} of a core  {sessions.MEMORY_BAR / 1e3:7.1f} kB  are the bars")
    is_over |= idle.cpu_total > CPU_BAR or idle.wakeups_total > WAKEUPS_BAR or idle.memory_total > MEMORY_BAR
    return int(is_over)


def _line(cpu: float, wakeups: float, size: float, words: str) -> str:
    return f"{cpu:8.2%} of a core  {wakeups:6.1f} wakeups/s  {size / 1e6:7.1f} MB  {words}"


if __name__ == "__main__":
    sys.exit(main())
