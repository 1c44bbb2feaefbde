"""``python -m bench.join [joins]``: JoinRoom to the first picture in Chromium, on loopback and over a line of 50 ms
there and back (as root); ends with 1 if that, or the time from the connection to the picture, is over its bar.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from dataclasses import dataclass
from typing import Final

from bench.join.measure import Join, measure

JOINS: Final = 20


@dataclass(frozen=True)
class Place:
    """From where people join, and how soon they have to see somebody."""

    name: str
    round_trip: float | None
    """Seconds; none: loopback."""
    bar: float
    """Milliseconds, of the median."""
    bar_behind: float
    """The same, of how much later than the connection the first picture is."""


PLACES: Final = (
    Place("on loopback", None, 150.0, 20.0),
    # Five round trips, and what a browser and a server have to do; the last of DTLS and the first of media take one.
    Place("at 50 ms", 0.05, 5 * 50 + 100.0, 50 + 20.0),
)


def main() -> int:
    joins = int(sys.argv[1]) if len(sys.argv) > 1 else JOINS
    print(f"{joins} joins of a meeting of two; milliseconds since JoinRoom was sent:")
    met = [_is_met(place, asyncio.run(measure(joins, place.round_trip))) for place in PLACES]
    return int(not all(met))


def _is_met(place: Place, times: list[Join]) -> bool:
    for name, values in (
        ("connected (ICE, DTLS)", [t.connected for t in times]),
        ("first picture decoded", [t.decoded for t in times]),
        ("first picture in its tile", [t.first_frame for t in times]),
        ("decoded after connected", [t.behind for t in times]),
    ):
        p95 = statistics.quantiles(values, n=20, method="inclusive")[-1]
        spread = f"p50 {statistics.median(values):6.0f}   p95 {p95:6.0f}   {min(values):.0f}…{max(values):.0f}"
        print(f"{place.name:<12} {name:<26} {spread}")
    whole, behind = statistics.median(t.decoded for t in times), statistics.median(t.behind for t in times)
    is_met = whole <= place.bar and behind <= place.bar_behind
    verdict = "met" if is_met else "MISSED"
    print(f"{place.name}: at most {place.bar:.0f} ms to the picture, and {place.bar_behind:.0f} ms behind: {verdict}")
    return is_met


if __name__ == "__main__":
    sys.exit(main())
