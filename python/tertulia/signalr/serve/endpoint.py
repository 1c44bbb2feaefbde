"""The connections of one worker: negotiation, and which connection a request is for."""

from __future__ import annotations

import enum
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct, field

from tertulia.signalr import negotiate
from tertulia.signalr.connection import Connection
from tertulia.signalr.options import Options
from tertulia.signalr.serve.clock import Clock
from tertulia.signalr.serve.connection import Application, HubConnection
from tertulia.signalr.serve.queued import PostedTransport
from tertulia.signalr.tokens import Claims, Tokens

MAX_NEGOTIATED: Final = 100_000
"""Negotiated connections that no transport has begun, of a few hundred bytes each; beyond, the oldest is forgotten."""

MAX_EARLY: Final = 16 * 1024
"""Bytes that a client may post before its transport begins: a handshake and a few calls."""
MAX_EARLY_PER_SITE: Final = 256 * 1024
"""Of one address: some thousand clients that post a handshake each, at once."""
MAX_EARLY_IN_ALL: Final = 16 * 1024 * 1024


class Kind(enum.Enum):
    """Which transport a connection uses."""

    WEBSOCKETS = enum.auto()
    SERVER_SENT_EVENTS = enum.auto()
    LONG_POLLING = enum.auto()


class Refusal(Struct, frozen=True):
    """An HTTP status and text, as ASP.NET Core answers."""

    status: int
    text: str = ""


class Elsewhere(Struct, frozen=True):
    """The connection belongs to another worker."""

    worker: str


ID_REQUIRED: Final = Refusal(400, "Connection ID required")
UNKNOWN: Final = Refusal(404, "No Connection with that ID")
ALREADY_ACTIVE: Final = Refusal(409)
CANNOT_CHANGE: Final = Refusal(400, "Cannot change transports mid-connection")


class Active(Struct):
    """A negotiated connection that a transport has begun. ``transport``: where it spans several requests."""

    kind: Kind
    connection: HubConnection
    transport: PostedTransport | None = None


class _Negotiated(Struct):
    """A connection that no transport has begun, and what was posted to it."""

    until: float
    claims: Claims
    early: bytearray = field(default_factory=bytearray)
    site: str = ""
    """Whose address that is counted for: who posted first."""


class Endpoint:
    """One hub's connections on this worker."""

    def __init__(
        self,
        application: Application,
        *,
        options: Options | None = None,
        tokens: Tokens | None = None,
        wall_clock: Callable[[], float] = time.time,
        site_of: Callable[[str], str] = str,
    ) -> None:
        """``wall_clock``: Unix seconds, the same for all workers, by which connection tokens expire. ``site_of``: what
        an IP address is counted by."""
        self.application = application
        self._wall_clock = wall_clock
        self.options = options or Options()
        key = secrets.token_bytes(32)
        self.tokens = tokens or Tokens(lambda: [key])
        self._clock = Clock()
        self._negotiated: dict[str, _Negotiated] = {}
        self._early = 0
        """Bytes that were posted to these."""
        self._early_of: Counter[str] = Counter()
        """The same, by site."""
        self._site_of = site_of
        self._active: dict[str, Active] = {}
        self.connections: set[HubConnection] = set()
        """Every connection that a transport has begun."""

    # --- what connections ask

    now = staticmethod(time.monotonic)

    def schedule(self, connection: HubConnection) -> None:
        """Tick ``connection`` when its deadline is reached."""
        self._clock.schedule(connection)

    def gone(self, connection: HubConnection) -> None:
        """``connection`` has ended."""
        self.connections.discard(connection)
        active = self._active.get(connection.token)
        if active is not None and active.kind is not Kind.LONG_POLLING:
            # One more poll comes, to hear that it was the last.
            del self._active[connection.token]

    # --- negotiation

    def negotiate(self, query: Mapping[str, str]) -> bytes:
        """The answer's JSON (status 200, an error too). ``query``'s keys in lower case."""
        try:
            request = negotiate.parse(query)
        except negotiate.Refused as error:
            return negotiate.refusal(error)
        now = self._wall_clock()
        claims = Claims(self.tokens.worker, secrets.token_urlsafe(16), int(now), request.stateful)
        token = self.tokens.issue(claims)
        self._forget_negotiated()
        self._negotiated[token] = _Negotiated(self.now() + self.options.reconnect_timeout, claims)
        return negotiate.answer(request, claims.connection_id, token)

    def _forget_negotiated(self) -> None:
        """Drop those that are too old; the oldest come first."""
        while self._negotiated:
            token = next(iter(self._negotiated))
            if self._negotiated[token].until > self.now() and len(self._negotiated) < MAX_NEGOTIATED:
                return
            self._take(token)

    def _take(self, token: str) -> _Negotiated | None:
        taken = self._negotiated.pop(token, None)
        if taken is not None:
            self._early -= len(taken.early)
            self._early_of[taken.site] -= len(taken.early)
            if not self._early_of[taken.site]:
                del self._early_of[taken.site]
        return taken

    def keep_early(self, token: str, data: bytes, client: str) -> bool:
        """Keep what a client, at this IP address, posts to a negotiated connection before its transport begins; False:
        that is too much."""
        waiting = self._negotiated.get(token)
        if waiting is None:
            return False
        size, site = len(data), waiting.site if waiting.early else self._site_of(client)
        if (
            len(waiting.early) + size > MAX_EARLY
            or self._early_of[site] + size > MAX_EARLY_PER_SITE
            or self._early + size > MAX_EARLY_IN_ALL
        ):
            return False
        waiting.early += data
        waiting.site = site
        self._early += size
        self._early_of[site] += size
        return True

    # --- which connection a request is for

    def websocket(self, token: str, user: object = None) -> HubConnection | Elsewhere | Refusal:
        """The connection that a WebSocket is for: a new one, or the stateful one whose socket it replaces."""
        if not token:
            return self._new(Kind.WEBSOCKETS, "", None, user)
        active = self._active.get(token)
        if active is None:
            begun = self._begin(token)
            if isinstance(begun, Elsewhere):
                begun = self._adopt(token) or begun
            return self._new(Kind.WEBSOCKETS, token, begun, user) if isinstance(begun, Claims) else begun
        if active.kind is not Kind.WEBSOCKETS:
            return CANNOT_CHANGE
        return active.connection if active.connection.core.stateful else ALREADY_ACTIVE

    def request(self, token: str) -> Active | Claims | Elsewhere | Refusal:
        """What a GET, POST or DELETE is for: an active connection, or the claims of a negotiated one, for
        :meth:`begin`."""
        if not token:
            return ID_REQUIRED
        active = self._active.get(token)
        return active if active is not None else self._begin(token, take=False)

    def begin(self, kind: Kind, token: str, claims: Claims, user: object = None) -> Active:
        """Begin a negotiated connection."""
        taken = self._take(token)
        connection = self._new(kind, token, claims, user)
        if taken is not None:
            connection.early = bytes(taken.early)
        return self._active[token]

    def forget(self, token: str) -> None:
        """The last request of a polled connection was answered."""
        self._active.pop(token, None)

    def _begin(self, token: str, *, take: bool = True) -> Claims | Elsewhere | Refusal:
        self._forget_negotiated()
        waiting = self._take(token) if take else self._negotiated.get(token)
        if waiting is not None:
            return waiting.claims
        claims = self.tokens.read(token)
        return Elsewhere(claims.worker) if claims is not None and claims.worker != self.tokens.worker else UNKNOWN

    def _adopt(self, token: str) -> Claims | None:
        """A WebSocket may begin here what another worker negotiated, unless that was too long ago, or it is stateful:
        then its replacement has to find it."""
        claims = self.tokens.read(token)
        if claims is None or claims.stateful:
            return None
        age = abs(self._wall_clock() - claims.issued)
        return claims if age <= self.options.reconnect_timeout + 1 else None

    def _new(self, kind: Kind, token: str, claims: Claims | None, user: object) -> HubConnection:
        core = Connection(
            self.options,
            self.now(),
            binary=kind is not Kind.SERVER_SENT_EVENTS,
            stateful=claims is not None and claims.stateful and kind is Kind.WEBSOCKETS,
            pings=kind is not Kind.LONG_POLLING,
        )
        public = claims.connection_id if claims is not None else secrets.token_urlsafe(16)
        connection = HubConnection(self, core, id=public, token=token, user=user)
        self.connections.add(connection)
        if token:
            self._active[token] = Active(kind, connection)
        return connection

    def close_all(self, error: str, code: int) -> None:
        """The worker stops: every client may come back, to another one."""
        for connection in list(self.connections):
            connection.close(error, allow_reconnect=True, code=code)
