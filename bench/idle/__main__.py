"""``python -m bench.idle``: prints what an idle ``tertulia dev`` uses, and what 1,000 silent sessions cost an SFU; ends
with 1 if anything is over its bar.
"""

from __future__ import annotations

import sys

from bench.idle import sessions
from bench.idle.measure import CPU_BAR, MEMORY_BAR, measure

SECONDS = 30.0


def main() -> int:
    idle = measure(SECONDS)
    print(f"ready after {idle.start_seconds:.1f} s; then {SECONDS:.0f} s without a meeting:")
    for process in idle.processes:
        print(f"{idle.cpu[process.pid]:8.2%} of a core  {process.pss_bytes / 1e6:7.1f} MB  {process.command}")
    print(f"{idle.cpu_total:8.2%} of a core  {idle.memory_total / 1e6:7.1f} MB  together")
    print(f"{CPU_BAR:8.2%} of a core  {MEMORY_BAR / 1e6:7.1f} MB  are the bars")
    silent = sessions.measure(sessions.COUNT)
    print(f"{silent.sessions:,} sessions that are sent nothing, with 9 slots for video and 3 for audio, at an SFU:")
    print(f"{silent.idle_share:8.2%} of a core  {silent.bytes_each / 1e3:7.1f} kB for each")
    print(f"{sessions.CPU_BAR:8.2%} of a core  {sessions.MEMORY_BAR / 1e3:7.1f} kB  are the bars")
    is_over = silent.idle_share > sessions.CPU_BAR or silent.bytes_each > sessions.MEMORY_BAR
    return int(is_over or idle.cpu_total > CPU_BAR or idle.memory_total > MEMORY_BAR)


if __name__ == "__main__":
    sys.exit(main())
