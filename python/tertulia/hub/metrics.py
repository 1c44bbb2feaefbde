"""What the hub counts, for Prometheus."""

from __future__ import annotations

from functools import cache
from typing import Final

from prometheus_client import Counter, Gauge

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
EVENTS: Final = Counter("tertulia_hub_events", "Events handed to clients of this worker.")
DROPPED: Final = Counter(
    "tertulia_hub_dropped", "Events not sent because a newer one made them stale, to clients that read slowly."
)
STUCK: Final = Counter("tertulia_hub_stuck", "Clients closed because they did not read.")
RESUMED: Final = Counter(
    "tertulia_hub_resumed", "Connections that returned to their seat, by whether some events were lost.", ["missed"]
)


@cache
def calls(event: str, outcome: str) -> Counter:
    """The counter of these calls. ``event`` is a name of the contract or ``""``: anyone can send names."""
    return CALLS.labels(event=event, outcome=outcome)
