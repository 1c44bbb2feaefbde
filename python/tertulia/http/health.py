"""Whether a web worker runs (/healthz), and whether it can serve (/readyz)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tertulia.contract.answers import Health
from tertulia.db import schema
from tertulia.errors import Unavailable
from tertulia.http.cached import Cached
from tertulia.rest.services import Services

CHECK_SECONDS: Final = 2.0
"""How long Redis or the database may take to answer."""


async def healthz(_request: Request) -> Response:
    """200: the process runs."""
    return _answer(200, Health(status="ok"))


class Readiness:
    """Whether the parts are there that a web worker needs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._health = Cached(self._check)

    async def readyz(self, _request: Request) -> Response:
        """200, or 503 while Redis or the database does not answer, or this version does not work with
        the schema."""
        health = await self._health.get()
        return _answer(200 if health.status == "ready" else 503, health)

    async def _check(self) -> Health:
        redis, database = await asyncio.gather(
            _check(self._services.redis.ping(), lambda _: "ok"),
            _check(schema.fault(self._services.database), lambda wrong: wrong or "ok"),
        )
        checks = {"redis": redis, "database": database}
        is_ready = all(found == "ok" for found in checks.values())
        return Health(status="ready" if is_ready else "unready", checks=checks)


T = TypeVar("T")


async def _check(part: Awaitable[T], judge: Callable[[T], str]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return judge(await part)
    except TimeoutError:
        return f"did not answer within {CHECK_SECONDS:.0f} s"
    except Unavailable:
        return "does not answer"


def _answer(status: int, health: Health) -> Response:
    return Response(msgspec.json.encode(health), status, {"Cache-Control": "no-store"}, "application/json")
