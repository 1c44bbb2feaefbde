"""One request through all checks, in the order of docs/protocol.md:

429 of the address · 401 · 429 of the credential · 413 · 415 · 400 · 422 · 404 · 403 · 409 · 405 · 406. Nothing is
changed before all of them have passed, and what is too much is refused before it has cost anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, NoReturn

from starlette.requests import Request
from starlette.responses import Response

from tertulia.contract.requests import JoinRequest
from tertulia.db.idempotency import HEADER as KEY_HEADER
from tertulia.db.idempotency import Done
from tertulia.db.sealed_answer import PURPOSE
from tertulia.errors import BadToken, MethodNotAllowed, NotAcceptable, Unauthorized, Unavailable
from tertulia.ids import new_uuid
from tertulia.limits import FAILED_COST, SharedLimit
from tertulia.rest import auditing, targets
from tertulia.rest import body as bodies
from tertulia.rest.accept import accepts_json
from tertulia.rest.addresses import base_of
from tertulia.rest.callers import Caller, CodeHolder, Invitee
from tertulia.rest.once import Once, encode
from tertulia.rest.operation import Answer, AnyOperation, Asked, Call
from tertulia.rest.reads import Reads
from tertulia.rest.services import Services
from tertulia.senders import site_of

REQUEST_SECONDS: Final = 20.0
"""How long a request may take: less than the lease of an Idempotency-Key."""
_JSON: Final = "application/json"


class Api:
    """Serves the operations of one table."""

    def __init__(self, services: Services, by_address: SharedLimit, by_credential: SharedLimit) -> None:
        self._services = services
        self._by_address = by_address
        self._by_credential = by_credential
        self._reads = Reads(
            services.directory,
            services.invites,
            services.recordings,
            services.rooms,
            services.admissions,
            services.seats,
            shows_nodes=services.config.open or services.config.show_nodes,
        )
        self._once = Once(services.idempotency, lambda: services.keyring.tokens.derived(PURPOSE), services.now)

    async def serve(self, request: Request, operations: Mapping[str, AnyOperation]) -> Response:
        """Answer a request to a path that offers ``operations``, by method.

        Raises:
            Refused, Unavailable
        """
        async with _deadline():
            caller = await self.identify(request)
        request.state.caller = auditing.actor_of(caller)
        raw = await bodies.read(request)
        operation = operations.get("GET" if request.method == "HEAD" else request.method)
        if operation is None:
            await self._refuse_method(request, caller, operations)
        body = bodies.of_operation(request, raw, operation)
        attempt = _Attempt(request, operation, caller, body, self._services, self._reads)
        async with _deadline():
            answer = await self._answer(attempt, raw)
        return _response(answer)

    async def identify(self, request: Request) -> Caller:
        """Who calls; counted by address before, by credential after.

        Raises:
            Unauthorized, RateLimited
        """
        site = _site(request)
        await self._by_address.take(site, time.monotonic())
        try:
            caller = await self._services.callers.identify(request)
        except Unauthorized:
            await self._by_address.charge(site, time.monotonic(), FAILED_COST)
            raise
        await self._by_credential.take(_bucket(caller, site), time.monotonic())
        return caller

    async def _refuse_method(
        self, request: Request, caller: Caller, operations: Mapping[str, AnyOperation]
    ) -> NoReturn:
        """405, but what the path names comes first (404)."""
        asked = Asked(caller=caller, path=request.path_params, body=None, reads=self._reads, made_id="")
        async with _deadline():
            await targets.of_path(asked)
        raise MethodNotAllowed(allowed(operations))

    async def _answer(self, attempt: _Attempt, raw: bytes) -> Answer | Done:
        key = attempt.request.headers.get(KEY_HEADER) if attempt.request.method == "POST" else None
        if key is None:
            return await attempt.run(new_uuid(), again=False)
        name = (_holder(attempt), attempt.request.method, attempt.request.url.path.lower())
        content = raw if attempt.operation.body is None else bodies.canonical(raw or b"{}")
        return await self._once.run(key, name, content, attempt)


class _Attempt(NamedTuple):
    """A request whose body is in order, and all that is needed to go on."""

    request: Request
    operation: AnyOperation
    caller: Caller
    body: Any
    services: Services
    reads: Reads

    async def run(self, made_id: str, *, again: bool) -> Answer:
        """Check what is left to check, then carry it out."""
        asked = Asked(
            caller=self.caller,
            path=self.request.path_params,
            body=self.body,
            reads=self.reads,
            made_id=made_id,
            site=_site(self.request),
            again=again,
        )
        try:
            answer = await self.operation.run(asked, self._admit)
        except BadToken as e:  # what the caller's credential goes back to has ended meanwhile
            raise Unauthorized.by(e) from None
        auditing.note(self.services, self.request, self.operation.name, asked)
        return answer

    def _admit(self, asked: Asked[Any]) -> Call[Any]:
        self.check_accept()
        base = base_of(self.request, self.services.config.public_url)
        return Call(asked=asked, services=self.services, base=base)

    def check_accept(self) -> None:
        """Raises NotAcceptable."""
        if self.operation.answer is not None and not accepts_json(self.request.headers.getlist("accept")):
            raise NotAcceptable("the answer is application/json, which the Accept header does not allow")


def allowed(operations: Iterable[str]) -> str:
    """The value of an Allow header (RFC 9110, section 10.2.1) for these methods."""
    methods = [*operations, "OPTIONS"]
    if "GET" in methods:
        methods.insert(methods.index("GET") + 1, "HEAD")
    return ", ".join(methods)


def _site(request: Request) -> str:
    return site_of(request.client.host if request.client else "")


def _bucket(caller: Caller, site: str) -> str:
    """What a request's rate is counted by. Many hold the same invite or code: each address has a bucket of its own."""
    return f"{caller.name} {site}" if isinstance(caller, Invitee | CodeHolder) else caller.name


def _holder(attempt: _Attempt) -> str:
    """By whom an Idempotency-Key is: many hold the same invite, each to become a user of their own."""
    caller, body = attempt.caller, attempt.body
    is_shared = isinstance(caller, Invitee) and isinstance(body, JoinRequest)
    return f"{caller.name} {body.user_id.lower()}" if is_shared else caller.name


def _response(answer: Answer | Done) -> Response:
    content = answer.answer.encode() if isinstance(answer, Done) else encode(answer)
    headers = {"Cache-Control": "no-store"}  # tokens, and who is in a room
    return Response(content, answer.status, headers, _JSON if content else None)


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            yield
    except TimeoutError:
        raise Unavailable(f"the request took longer than {REQUEST_SECONDS:.0f} s") from None
