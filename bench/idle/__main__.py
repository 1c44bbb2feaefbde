"""``python -m bench.idle``: prints what an idle ``tertulia dev`` uses; ends with 1 if it is over the bars."""

from __future__ import annotations

import sys

from bench.idle.measure import CPU_BAR, MEMORY_BAR, measure

SECONDS = 30.0


def main() -> int:
    idle = measure(SECONDS)
    print(f"ready after {idle.start_seconds:.1f} s; then {SECONDS:.0f} s without a meeting:")
    for process in idle.processes:
        print(f"{idle.cpu[process.pid]:8.2%} of a core  {process.pss_bytes / 1e6:7.1f} MB  {process.command}")
    print(f"{idle.cpu_total:8.2%} of a core  {idle.memory_total / 1e6:7.1f} MB  together")
    print(f"{CPU_BAR:8.2%} of a core  {MEMORY_BAR / 1e6:7.1f} MB  are the bars")
    return int(idle.cpu_total > CPU_BAR or idle.memory_total > MEMORY_BAR)


if __name__ == "__main__":
    sys.exit(main())
