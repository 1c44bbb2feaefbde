"""What the hub counts, for Prometheus. What it counts at every call is tallied in memory and handed on each second."""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge


class Tally:
    """A counter for the hot path: a locked, shared one costs as much as the call it counts. :func:`settle` hands on."""

    __slots__ = ("_count", "_counter")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._count = 0
        _tallies.append(self)

    def inc(self, by: int = 1) -> None:
        """So many more."""
        self._count += by

    def settle(self) -> None:
        """Hand on what was counted."""
        count, self._count = self._count, 0
        if count:
            self._counter.inc(count)


_tallies: Final[list[Tally]] = []
"""As many as there are events and outcomes in the contract, at most."""


def settle() -> None:
    """Hand on what all tallies have counted: each second, and before the figures are read."""
    for tally in _tallies:
        tally.settle()


CONNECTIONS: Final = Gauge("tertulia_hub_connections", "Clients connected to this worker.", multiprocess_mode="livesum")
SEATS: Final = Gauge(
    "tertulia_hub_seats",
    "Seats whose connection this worker holds, lost ones that may come back included.",
    multiprocess_mode="livesum",
)
ROOMS: Final = Gauge("tertulia_hub_rooms", "Rooms in which this worker has members.", multiprocess_mode="livesum")
CALLS: Final = Counter(
    "tertulia_hub_calls", "Calls of clients, by event and outcome (ok or the error's code).", ["event", "outcome"]
)
EVENTS: Final = Tally(Counter("tertulia_hub_events", "Events handed to clients of this worker."))
DROPPED: Final = Counter(
    "tertulia_hub_dropped", "Events not sent because a newer one made them stale, to clients that read slowly."
)
STUCK: Final = Counter("tertulia_hub_stuck", "Clients closed because they did not read.")
RESUMED: Final = Counter(
    "tertulia_hub_resumed", "Connections that returned to their seat, by whether some events were lost.", ["missed"]
)


@cache
def calls(event: str, outcome: str) -> Tally:
    """The tally of these calls. ``event`` is a name of the contract or ``""``: anyone can send names."""
    return Tally(CALLS.labels(event=event, outcome=outcome))
