"""``python -m bench.join [joins]``: JoinRoom to the first picture, in Chromium on loopback; ends with 1 if that, or the
time from the connection to the picture, is over its bar.
"""

from __future__ import annotations

import asyncio
import statistics
import sys

from bench.join.measure import BAR, BAR_BEHIND, measure

JOINS = 20


def main() -> int:
    joins = int(sys.argv[1]) if len(sys.argv) > 1 else JOINS
    times = asyncio.run(measure(joins))
    print(f"{joins} joins of a meeting of two; milliseconds since JoinRoom was sent:")
    for name, values in (
        ("connected (ICE, DTLS)", [t.connected for t in times]),
        ("first picture", [t.first_frame for t in times]),
        ("between the two", [t.behind for t in times]),
    ):
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        print(f"{name:<22} p50 {statistics.median(values):6.0f}   p95 {p95:6.0f}   {min(values):.0f}…{max(values):.0f}")
    print(f"the bars are p50 under {BAR:.0f} ms to the picture, and under {BAR_BEHIND:.0f} ms between the two")
    whole, behind = statistics.median(t.first_frame for t in times), statistics.median(t.behind for t in times)
    return int(whole > BAR or behind > BAR_BEHIND)


if __name__ == "__main__":
    sys.exit(main())
