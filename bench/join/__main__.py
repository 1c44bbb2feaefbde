"""``python -m bench.join [joins]``: JoinRoom to the first picture, in Chromium on loopback; ends with 1 if it is over
the bar.
"""

from __future__ import annotations

import asyncio
import statistics
import sys

from bench.join.measure import BAR, measure

JOINS = 20


def main() -> int:
    joins = int(sys.argv[1]) if len(sys.argv) > 1 else JOINS
    times = asyncio.run(measure(joins))
    print(f"{joins} joins of a meeting of two; milliseconds since JoinRoom was sent:")
    for name, values in (
        ("connected (ICE, DTLS)", [t.connected for t in times]),
        ("first picture", [t.first_frame for t in times]),
    ):
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        print(f"{name:<22} p50 {statistics.median(values):6.0f}   p95 {p95:6.0f}   {min(values):.0f}–{max(values):.0f}")
    median = statistics.median(t.first_frame for t in times)
    print(f"the bar is p50 under {BAR:.0f} ms")
    return int(median > BAR)


if __name__ == "__main__":
    sys.exit(main())
