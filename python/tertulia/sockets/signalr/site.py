"""Where SignalR is served: ``/hub`` for WebSockets on picows, and for negotiation, Server-Sent Events and long
polling on ASGI.

No credential is needed, since JoinRoom brings the token; one that is sent is checked. ``access_token`` of the query is
for browsers, whose sockets cannot set headers; nothing here logs a query.
"""

from __future__ import annotations

import math
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from tertulia.db.access import KEY_PREFIX
from tertulia.db.keyring import Keyring
from tertulia.errors import BadToken, RateLimited, TertuliaError, Unavailable
from tertulia.guesses import Guesses
from tertulia.hub.hub import Hub
from tertulia.hub.tasks import Tasks
from tertulia.ids import HubId
from tertulia.places import Place
from tertulia.rest.auditing import actor_of
from tertulia.rest.callers import Callers
from tertulia.room import closing
from tertulia.senders import site_of
from tertulia.signalr.credentials import credential as credential_of
from tertulia.signalr.options import Options
from tertulia.signalr.serve.asgi import SignalR, TooManyRequests, Unauthorized
from tertulia.signalr.serve.endpoint import UNKNOWN, Elsewhere, Refusal
from tertulia.signalr.tokens import Tokens
from tertulia.sockets import upgrade as upgrades
from tertulia.sockets.cork import Turn
from tertulia.sockets.lobby import CROWDED, MAX_MESSAGE, Lobby
from tertulia.sockets.signalr.forward import FORWARDED, Forward, answer, target_of
from tertulia.sockets.signalr.hub import SignalRHub
from tertulia.sockets.signalr.logged import REQUEST_ID, Logged
from tertulia.sockets.signalr.mark import HEADER
from tertulia.sockets.signalr.other_workers import OtherWorkers
from tertulia.sockets.signalr.relay import RelaySocket
from tertulia.sockets.signalr.socket import SignalRSocket
from tertulia.sockets.upgrade import Upgrade, WebSocketListener
from tertulia.tokens import UnknownKey, kind_of

PATH: Final = "/hub"
PURPOSE: Final = b"signalr connection token"
"""What the keys of connection tokens are derived for."""
_NO_WORKER: Final = upgrades.Refusal(HTTPStatus.FORBIDDEN, "this address is for web workers only")


class SignalRSite:
    """An ASGI application for ``/hub`` and ``/hub/negotiate``; :meth:`open` is for the WebSockets at ``/hub``."""

    def __init__(
        self,
        hub: Hub,
        keyring: Keyring,
        callers: Callers,
        workers: OtherWorkers,
        lobby: Lobby,
        guesses: Guesses,
        max_message: int,
    ) -> None:
        self._guesses = guesses
        self._tasks = Tasks()
        self._lobby = lobby
        self._keyring = keyring
        self._callers = callers
        self._workers = workers
        self._turn = Turn()
        self._signalr = SignalR(
            SignalRHub(hub),
            path=PATH,
            options=Options(max_message=max_message, max_first=min(max_message, MAX_MESSAGE)),
            tokens=Tokens(lambda: keyring.tokens.derived(PURPOSE), hub.id),
            wall_clock=keyring.now,
            authenticate=self._authenticate,
            forward=lambda worker: Forward(workers, HubId(worker)),
            admit=lobby.enter,
            site_of=site_of,
        )
        self._app = Logged(self._answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, ``http`` only."""
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._signalr(scope, receive, send)
        except Unavailable:
            # Nothing has been answered yet: only the check of a credential asks others.
            await answer(send, HTTPStatus.SERVICE_UNAVAILABLE, b"The credential cannot be checked now")

    async def forwarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI for requests that other web workers pass on: 403 for anybody else's."""
        marks = [value for name, value in scope["headers"] if name == HEADER.encode()]
        target = target_of(scope).decode("latin-1")
        client = self._workers.marks.client_of(marks[0].decode("latin-1"), target) if marks else None
        if client is None:
            await answer(send, HTTPStatus.FORBIDDEN, _NO_WORKER.text.encode())
        else:
            state = {"request_id": Headers(scope=scope).get(REQUEST_ID, "")}
            await self({**scope, "client": (client, 0), "state": state, FORWARDED: True}, receive, send)

    def stop(self) -> None:
        """Close the connections of clients that poll or read events: they may come back, to another worker."""
        self._signalr.endpoint.close_all(closing.GOING_AWAY.reason, closing.GOING_AWAY.code)

    def open(self, upgrade: Upgrade) -> WebSocketListener | upgrades.Refusal:
        """What answers a request for a WebSocket."""
        return self._admitted(upgrade, is_forwarded=False)

    def open_forwarded(self, upgrade: Upgrade) -> WebSocketListener | upgrades.Refusal:
        """The same, for one that another web worker passes on."""
        mark = upgrade.headers.get(HEADER, "")
        client = self._workers.marks.client_of(mark, upgrade.target)
        if client is None:
            return _NO_WORKER
        return self._admitted(upgrade._replace(client=client), is_forwarded=True)

    def _admitted(self, upgrade: Upgrade, *, is_forwarded: bool) -> WebSocketListener | upgrades.Refusal:
        place = self._lobby.enter(upgrade.client)
        if place is None:
            return CROWDED
        listener = self._listener(upgrade, place, is_forwarded=is_forwarded)
        if isinstance(listener, upgrades.Refusal):
            place.leave()
        return listener

    def _listener(self, upgrade: Upgrade, place: Place, *, is_forwarded: bool) -> WebSocketListener | upgrades.Refusal:
        query = {name.lower(): value for name, value in parse_qsl(upgrade.query, keep_blank_values=True)}
        credential = credential_of(upgrade.headers.get("Authorization"), query.get("access_token"))
        if credential is not None and (refusal := self._guesses.refusal(upgrade.client)) is not None:
            return upgrades.Refusal(HTTPStatus.TOO_MANY_REQUESTS, refusal.message, _seconds(refusal))
        try:
            user = None if credential is None else self._holder(credential)
        except BadToken:
            self._tasks.spawn(self._guesses.failed(upgrade.client))
            return upgrades.Refusal(HTTPStatus.UNAUTHORIZED, "the credential is not accepted")
        found = self._signalr.endpoint.websocket(query.get("id", ""), user)
        if isinstance(found, Elsewhere):
            if not is_forwarded:
                return RelaySocket(self._workers, HubId(found.worker), upgrade, place)
            found = UNKNOWN
        if isinstance(found, Refusal):
            return upgrades.Refusal(HTTPStatus(found.status), found.text)
        if found.place is None:
            found.place = place
        else:
            place.leave()  # it replaces the socket of a connection that has one
        found.address = upgrade.client
        check = (
            partial(self._authenticate, credential, upgrade.client) if credential is not None and user is None else None
        )
        return SignalRSocket(found, self._turn, check)

    def _holder(self, credential: str) -> str | None:
        """Who holds a token that proves itself; None: only :meth:`_authenticate` can tell. Raises BadToken."""
        if credential.startswith(KEY_PREFIX):
            return None
        tokens, now = self._keyring.tokens, self._keyring.now()
        try:
            if kind_of(credential) == "invite":
                return f"invite {tokens.verify_invite(credential, now).invite_id}"
            return f"user {tokens.verify_room(credential, now).user_id}"
        except UnknownKey:
            return None

    async def _authenticate(self, credential: str | None, client: str) -> str | None:
        """Who holds a credential, as the log has it."""
        if credential is None:
            return None
        refusal = self._guesses.refusal(client)
        if refusal is not None:
            raise TooManyRequests(_seconds(refusal))
        try:
            return actor_of(await self._callers.holder(credential))
        except Unavailable:
            raise
        except TertuliaError as error:
            await self._guesses.failed(client)
            raise Unauthorized(error.message) from None


def _seconds(refusal: RateLimited) -> int:
    """After which it may be tried again."""
    return max(1, math.ceil(refusal.retry_after))
