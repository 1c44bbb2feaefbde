"""What the API offers, as data: the table that the router, the checks and OpenAPI all read."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette.requests import Request

from tertulia.contract import Wire
from tertulia.db.idempotency import Claim
from tertulia.errors import NotAcceptable, NotFound, RateLimited, Refused
from tertulia.ids import new_uuid
from tertulia.rest.callers import Caller
from tertulia.rest.services import Services

Method = Literal["GET", "POST", "PATCH", "DELETE"]


class Answer(Struct, frozen=True):
    """A successful answer; no body where ``body`` is unset."""

    status: int
    body: Any = msgspec.UNSET


class Call:
    """One request whose caller, body and query have been checked.

    What is left to check is the handler's; then it calls :meth:`admit`.
    """

    def __init__(
        self,
        services: Services,
        request: Request,
        caller: Caller,
        body: Any,
        limited: RateLimited | None,
        *,
        answers_json: bool,
    ) -> None:
        self.services = services
        self.request = request
        self.caller = caller
        self.body = body
        self.claim: Claim | None = None
        self.admitted = False
        self._limited = limited
        self._answers_json = answers_json

    @property
    def again(self) -> bool:
        """An earlier try of this request (same Idempotency-Key) was broken off and may have taken effect."""
        return self.claim is not None and self.claim.again

    def id(self, name: str) -> Any:
        """A UUID of the path, in lower case. Raises NotFound: it is none."""
        text = str(self.request.path_params[name])
        try:
            canonical = str(uuid.UUID(text))
        except ValueError:
            canonical = ""
        if canonical != text.lower():
            raise NotFound(f"{name} is not a UUID")
        return canonical

    def made_id(self) -> str:
        """The id for what this request makes: the same one when it is tried again with its Idempotency-Key."""
        return self.claim.made_id if self.claim else new_uuid()

    def admit(self) -> None:
        """The last checks. Call it before anything is changed or answered.

        Raises:
            NotAcceptable, RateLimited
        """
        if self._answers_json and not accepts_json(self.request):
            raise NotAcceptable("the answer is application/json, which the Accept header does not allow")
        if self._limited is not None:
            raise self._limited
        self.admitted = True


def accepts_json(request: Request) -> bool:
    """Whether the Accept header allows application/json (RFC 9110, section 12.5.1). The most specific range decides."""
    header = ",".join(request.headers.getlist("accept"))
    if not header.strip():
        return True
    found: dict[str, bool] = {}
    for item in header.lower().split(","):
        kind, *parameters = (part.strip() for part in item.split(";"))
        found[kind] = not any(_is_zero(p) for p in parameters)
    return next((found[k] for k in ("application/json", "application/*", "*/*") if k in found), False)


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and value.strip() in ("0", "0.", "0.0", "0.00", "0.000")


class Operation(Struct, frozen=True, kw_only=True):
    """One row of the contract's table."""

    name: str
    method: Method
    path: str
    """With ``{name}`` for each UUID; ``{room_id}`` is a room of the caller's tenant."""
    summary: str
    handle: Callable[[Call], Awaitable[Answer]]
    status: int
    answer: Any = None
    """The type of the body; None: there is none."""
    body: type[Wire] | None = None
    query: type[Wire] | None = None
    refuses: tuple[type[Refused], ...] = ()
    """What the handler itself may refuse with, beyond what every operation may."""
