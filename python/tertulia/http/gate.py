"""What a web worker takes from strangers, before a request has cost anything: connections and requests, by address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from tertulia.config import Config
from tertulia.errors import RateLimited
from tertulia.pace import Pace
from tertulia.places import Place, Places
from tertulia.rates import Queues, RateLimit
from tertulia.senders import Proxies, client_of, site_of

IN_ALL: Final = 8000
"""HTTP connections of one web worker; WebSockets that are open do not count."""
PER_ADDRESS: Final = 2000
"""Of these, connections from one address (/64 for IPv6): browsers open six each, so this is a large company."""
PER_SECOND: Final = 400
"""Requests from one address: the page takes some ninety."""
BURST: Final = 50
"""Requests from one address that do not wait: what comes at once holds up everybody else."""
LONGEST_WAIT: Final = 25.0
"""Seconds that a request may wait for its turn: a hundred people behind one address who open the page at once all get
it."""
UPGRADES_PER_SECOND: Final = 50
"""WebSockets that one address may open."""
UPGRADES_AT_ONCE: Final = 400
"""As many as may be in the lobby."""
READS_A_TURN: Final = 8
"""Reads, and refusals, in one turn of the event loop: one that opens a WebSocket takes 0.2 ms."""
PARTING: Final = 256
"""Connections that were refused and may still read why; of more, they are closed at once."""


class Gate(NamedTuple):
    """The bounds of one listener. Connections of trusted proxies count in all only; their requests, by client."""

    places: Places
    requests: Queues
    upgrades: RateLimit
    parting: Places
    """Who was refused, and may still read why."""
    pace: Pace
    """Of reading, and of refusing after a while."""
    proxies: Proxies | None = None

    def enter(self, peer: str) -> Place | None:
        """A connection has begun; None: there are too many."""
        is_proxy = self.proxies is not None and peer in self.proxies
        return self.places.enter_anyhow() if is_proxy else self.places.enter(peer)

    def wait(self, peer: str, forwarded: Iterable[str], now: float) -> float | RateLimited:
        """A request has come: the seconds until its turn, or its refusal. ``forwarded``: values of X-Forwarded-For."""
        return self.requests.wait(site_of(client_of(peer, forwarded, self.proxies)), now)

    def upgrade(self, peer: str, forwarded: Iterable[str], now: float) -> RateLimited | None:
        """A request to open a WebSocket has come: its refusal, if it has earned one."""
        return self.upgrades.take(site_of(client_of(peer, forwarded, self.proxies)), now)


def open_gate() -> Gate:
    """One that takes everything."""
    return Gate(Places(0, 0), Queues(0, 0, 0), RateLimit(0), Places(PARTING, 0), Pace(READS_A_TURN))


def public_gate(config: Config, proxies: Proxies | None) -> Gate:
    """That of the public. Neither an open development server nor one without a rate limit has rates."""
    if config.open:
        return open_gate()
    has_rates = config.rate_limit > 0
    return Gate(
        Places(IN_ALL, PER_ADDRESS),
        Queues(max(PER_SECOND, 8 * config.rate_limit) if has_rates else 0, BURST, LONGEST_WAIT),
        RateLimit(UPGRADES_PER_SECOND if has_rates else 0, UPGRADES_AT_ONCE),
        Places(PARTING, 0),
        Pace(READS_A_TURN),
        proxies,
    )
