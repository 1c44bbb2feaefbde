"""One request through the contract's checks, in the contract's order:

401 · 413 · 415 · 400 · 422 · 404 · 403 · 409 · 405 · 406 · 429. Nothing is changed before all of them have passed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tertulia import validation
from tertulia.contract import Wire
from tertulia.db.idempotency import HEADER, Claim, Done, digest
from tertulia.errors import FieldError, Invalid, MethodNotAllowed, NotFound, Refused, Unavailable
from tertulia.ids import RecordingId, RoomId, UserId
from tertulia.rest import body as bodies
from tertulia.rest.callers import Caller, Invitee
from tertulia.rest.limits import RateLimit
from tertulia.rest.operation import Answer, Call, Operation
from tertulia.rest.services import Services

REQUEST_SECONDS: Final = 20.0
"""How long a handler may take: less than the lease of an Idempotency-Key."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_JSON: Final = "application/json"


class Api:
    """Serves the operations of one table."""

    def __init__(self, services: Services, limit: RateLimit) -> None:
        self._services = services
        self._limit = limit

    async def serve(self, request: Request, operations: Mapping[str, Operation]) -> Response:
        """Answer a request to a path that offers ``operations``, by method.

        Raises:
            Refused, Unavailable
        """
        async with _deadline():
            caller = await self.identify(request)
        raw = await bodies.read(request)
        operation = operations.get("GET" if request.method == "HEAD" else request.method)
        if operation is None:
            await self._refuse_method(request, caller, operations)
        limited = self._limit.take(_who(caller, request), time.monotonic())
        body = _read_body(request, raw, operation)
        call = Call(self._services, request, caller, body, limited, answers_json=operation.answer is not None)
        async with _deadline():
            answer = await self._answer(call, operation, raw)
        return _response(answer)

    async def identify(self, request: Request) -> Caller:
        """Who calls; raises Unauthorized."""
        return await self._services.callers.identify(request)

    async def _refuse_method(self, request: Request, caller: Caller, operations: Mapping[str, Operation]) -> NoReturn:
        """405, but what the path names comes first (404)."""
        call = Call(self._services, request, caller, None, None, answers_json=False)
        for name in request.path_params:
            call.id(name)
        async with _deadline():
            await self._find(call)
        raise MethodNotAllowed(request.method, allowed(operations))

    async def _find(self, call: Call) -> None:
        """Raises NotFound: what the path names is not there."""
        services, named = self._services, call.request.path_params
        if "room_id" not in named:
            if "user_id" in named:
                await services.directory.user(call.caller.tenant_id, UserId(call.id("user_id")))
            return
        room = await services.directory.room(RoomId(call.id("room_id")), call.caller.tenant_id)
        if "recording_id" in named:
            await services.directory.recording(room.id, RecordingId(call.id("recording_id")))
        elif "user_id" in named and await services.rooms.participant(room.id, UserId(call.id("user_id"))) is None:
            raise NotFound(f"{call.id('user_id')} is not in the room")

    async def _answer(self, call: Call, operation: Operation, raw: bytes) -> Answer | Done:
        key = call.request.headers.get(HEADER)
        if key is None or call.request.method != "POST":
            return await operation.handle(call)
        if not _KEY.fullmatch(key):
            raise Invalid([FieldError(HEADER, "must be 1 to 255 visible ASCII characters")])
        name = digest(call.caller.name, call.request.method, call.request.url.path, key)
        claim = await self._services.idempotency.claim(name, _fingerprint(raw, operation), self._services.now())
        if isinstance(claim, Done):
            call.admit()
            return claim
        return await self._answer_once(call, operation, claim)

    async def _answer_once(self, call: Call, operation: Operation, claim: Claim) -> Answer | Done:
        call.claim = claim
        idempotency = self._services.idempotency
        try:
            answer = await operation.handle(call)
        except Refused:
            # An earlier try may have taken effect: what it made is found again by the claim's id only.
            await (idempotency.break_off if claim.again else idempotency.forget)(claim)
            raise
        except BaseException:
            await idempotency.break_off(claim)
            raise
        done = Done(answer.status, _encode(answer).decode())
        await idempotency.finish(claim, *done)
        return done


def allowed(operations: Mapping[str, Operation]) -> str:
    """The value of an Allow header (RFC 9110, section 10.2.1)."""
    methods = [*operations, "OPTIONS"]
    if "GET" in operations:
        methods.insert(methods.index("GET") + 1, "HEAD")
    return ", ".join(methods)


def _read_body(request: Request, raw: bytes, operation: Operation) -> Any:
    """The body or the query as the operation's struct; None where it has neither."""
    if operation.body is not None:
        bodies.check_media_type(request)
        return validation.read(operation.body, bodies.parse(raw))
    if operation.query is not None:
        return _read_query(operation.query, request)
    return None


def _read_query(kind: type[Wire], request: Request) -> Any:
    """Numbers of a query are text: those that look like whole numbers are taken as such where one is wanted."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        values = request.query_params.getlist(field.encode_name)
        if len(values) > 1:
            given[field.encode_name] = values  # a list, which no parameter takes
        elif values:
            whole = field.encode_name == "limit" and re.fullmatch(r"-?[0-9]{1,18}", values[0])
            given[field.encode_name] = int(values[0]) if whole else values[0]
    return validation.read(kind, given)


def _fingerprint(raw: bytes, operation: Operation) -> str:
    """The same for bodies that say the same."""
    if operation.body is not None:
        raw = json.dumps(bodies.parse(raw), sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest()


def _who(caller: Caller, request: Request) -> str:
    """Whose bucket a request counts in. Many hold the same invite: each address has its own."""
    if isinstance(caller, Invitee):
        return f"{caller.name} {request.client.host if request.client else ''}"
    return caller.name


def _encode(answer: Answer) -> bytes:
    return b"" if answer.body is msgspec.UNSET else msgspec.json.encode(answer.body)


def _response(answer: Answer | Done) -> Response:
    content = answer.answer.encode() if isinstance(answer, Done) else _encode(answer)
    headers = {"Cache-Control": "no-store"}  # tokens, and who is in a room
    return Response(content, answer.status, headers, _JSON if content else None)


@asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(REQUEST_SECONDS):
            yield
    except TimeoutError:
        raise Unavailable(f"the request took longer than {REQUEST_SECONDS:.0f} s") from None
