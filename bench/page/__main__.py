"""``python -m bench.page [loads]``: what the page weighs before joining, and how soon its lobby is there on a slow
line; ends with 1 if it is over a bar.
"""

from __future__ import annotations

import asyncio
import statistics
import sys

from bench.page.measure import LOBBY_BAR, SLOW, WEIGHT_BAR, Load, measure

LOADS = 5


def main() -> int:
    loads = int(sys.argv[1]) if len(sys.argv) > 1 else LOADS
    measured = asyncio.run(measure(loads))
    whole = max(measured.fast, key=lambda load: load.sent)  # on a slow line, the meeting still comes behind the lobby
    _print_weight(whole)
    lobby = statistics.median(load.lobby for load in measured.slow)
    line = whole.sent * 8 / SLOW.bits_down * 1000
    print(f"\nfrom the click on a link to the lobby, median of {loads}, milliseconds:")
    print(f"{'':<22}{'lobby':>8}{'largest paint':>16}{'requests':>10}{'kB':>8}")
    for name, some in (("slow line, first time", measured.slow), ("slow line, again", measured.again)):
        _print_times(name, some)
    _print_times("loopback, first time", measured.fast)
    print(f"the slow line has {SLOW.bits_down / 1e6:.1f} Mbit/s and {SLOW.round_trip} ms of round trip;")
    print(f"all these bytes take {line:.0f} ms on it; the lobby is there after {lobby / line:.2f} of that")
    print(f"the bars are {WEIGHT_BAR / 1000:.0f} kB and {LOBBY_BAR:.0f} ms on the slow line")
    return int(whole.sent > WEIGHT_BAR or lobby > LOBBY_BAR)


def _print_weight(load: Load) -> None:
    print("before joining, as it is sent (by gzip where it is text):")
    for kind, weight in sorted(load.kinds.items(), key=lambda item: -item[1].sent):
        ratio = f"{weight.sent / weight.plain:.2f} of {weight.plain / 1000:.1f} kB" if weight.plain else ""
        print(f"{kind:<12}{weight.requests:>4} requests {weight.sent / 1000:>8.1f} kB   {ratio}")
    together = f"{load.requests:>4} requests {load.sent / 1000:>8.1f} kB"
    print(f"{'together':<12}{together}   {load.sent / WEIGHT_BAR:.2f} of the bar")


def _print_times(name: str, loads: list[Load]) -> None:
    lobby = statistics.median(load.lobby for load in loads)
    paint = statistics.median(load.largest_paint for load in loads)
    print(f"{name:<22}{lobby:>8.0f}{paint:>16.0f}{loads[0].requests:>10}{loads[0].sent / 1000:>8.1f}")


if __name__ == "__main__":
    sys.exit(main())
