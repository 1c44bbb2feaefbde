"""What the API offers, as data: the table that the router, the checks and OpenAPI all read."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct

from tertulia.contract.fields import Wire
from tertulia.errors import NotFound, Refused
from tertulia.rest.addresses import Base
from tertulia.rest.callers import Caller
from tertulia.rest.reads import Reads
from tertulia.rest.services import Services

Method = Literal["GET", "POST", "PATCH", "DELETE"]

B = TypeVar("B", bound=Wire | None)
"""The body or the query; None where an operation has neither."""
T = TypeVar("T")
"""What a request is about."""
T_contra = TypeVar("T_contra", contravariant=True)


class Answer(Struct, frozen=True):
    """A successful answer; without a body where ``body`` is unset."""

    status: int
    body: Any = msgspec.UNSET


class Asked(Struct, Generic[B], frozen=True, kw_only=True):
    """A request whose caller, body and query are in order: what the other checks look at."""

    caller: Caller
    path: Mapping[str, str]
    body: B
    reads: Reads
    made_id: str
    """The id for what this request makes: the same one when it is tried again with its Idempotency-Key."""
    site: str = ""
    """Where the request comes from, as rate limits go by."""
    again: bool = False
    """An earlier try of this request (same Idempotency-Key) was broken off, and may have taken effect."""

    def id(self, name: str) -> str:
        """A UUID of the path, in lower case. Raises NotFound: it is not one."""
        text = self.path[name]
        try:
            canonical = str(uuid.UUID(text))
        except ValueError:
            canonical = ""
        if canonical != text.lower():
            raise NotFound(f"{name} is not a UUID")
        return canonical


class Call(Struct, Generic[B], frozen=True, kw_only=True):
    """A request that has passed every check, and what it takes to carry it out."""

    asked: Asked[B]
    services: Services
    base: Base

    @property
    def body(self) -> B:
        """The body or the query."""
        return self.asked.body

    @property
    def caller(self) -> Caller:
        """Who calls."""
        return self.asked.caller


class Rule(Struct, Generic[T_contra], frozen=True):
    """Who may call an operation.

    ``who`` names the credentials, for OpenAPI ("an API key"); ``check`` raises Forbidden.
    """

    who: str
    check: Callable[[Caller, T_contra], None]


async def no_check(_asked: Asked[Any], _found: object) -> None:
    """Of an operation that has nothing more to check."""


class Operation(Struct, Generic[T, B], frozen=True, kw_only=True):
    """One row of the table of operations.

    A request is carried out by :meth:`run`, which alone calls ``act``: what precedes it gets no means to change
    anything, and cannot be left out.
    """

    name: str
    method: Method
    path: str
    """With ``{name}`` for each UUID; ``{room_id}`` is a room of the caller's tenant."""
    summary: str
    description: str = ""
    find: Callable[[Asked[B]], Awaitable[T]]
    """What the request is about. Raises NotFound: it is not there."""
    allows: Rule[T]
    """Who may call."""
    check: Callable[[Asked[B], T], Awaitable[None]] = no_check
    """What is particular to this operation: other reasons for 403, and those for 409."""
    act: Callable[[Call[B], T], Awaitable[Answer]]
    """Carry it out."""
    status: int
    answer: Any = None
    """The type of the answer's body; None: it has none."""
    body: type[B] | None = None
    body_is_optional: bool = False
    """A request without a body is as good as one with ``{}``."""
    query: type[B] | None = None
    refuses: tuple[type[Refused], ...] = ()
    """What ``check`` and ``act`` may refuse with, beyond what every operation may."""

    async def run(self, asked: Asked[B], admit: Callable[[Asked[B]], Call[B]]) -> Answer:
        """Check the request in the order of docs/protocol.md (404 · 403 · 409 · 406 · 429), then carry it out.

        ``admit`` makes the last checks and hands over what it takes to act.
        """
        found = await self.find(asked)
        self.allows.check(asked.caller, found)
        await self.check(asked, found)
        return await self.act(admit(asked), found)


AnyOperation = Operation[Any, Any]
