"""``python -m bench.media``: prints packets a second and CPU-µs a forwarded packet, and their ratio to the floor.

The floor is measured in the same run, with packets of the same size to as many sockets: by ``sendto``, one call a
packet, and by UDP GSO with as many packets a call as the SFU itself managed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARGV = ("cargo", "bench", "--locked", "--quiet", "-p", "sfu-driver", "--bench", "media")
HEAD = ("", "packets/s", "a core could", "CPU µs", "per send", "sendto", "ratio", "GSO", "ratio", "dropped")


def main() -> int:
    done = subprocess.run(ARGV, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    rows = [row(json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not rows:
        print(f"bench.media: {' '.join(ARGV)} ended with {done.returncode}", file=sys.stderr)
        return 1
    print("RTP packets forwarded by one media thread; its CPU time is all of its work: receiving, SRTP both ways,")
    print("feedback, timers, sending. The floors (µs a packet) are sends of the same sizes without any of that.")
    for cells in (HEAD, *rows):
        print(f"{cells[0]:<12}" + "".join(f"{cell:>14}" for cell in cells[1:]))
    return 0


def row(case: dict[str, Any]) -> tuple[str, ...]:
    cost = case["cpu_seconds"] * 1e6 / case["forwarded"]
    return (
        case["case"],
        f"{case['forwarded'] / case['seconds']:,.0f}",
        f"{1e6 / cost:,.0f}",
        f"{cost:.2f}",
        f"{case['packets_per_send']:.1f}",
        f"{case['floor_sendto_us']:.2f}",
        f"x {cost / case['floor_sendto_us']:.2f}",
        f"{case['floor_gso_us']:.2f}",
        f"x {cost / case['floor_gso_us']:.2f}",
        str(case["dropped"]),
    )


if __name__ == "__main__":
    sys.exit(main())
