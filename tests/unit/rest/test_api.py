"""What becomes of a request whose credential ends while it is carried out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request

from tertulia.errors import BadToken, Unauthorized
from tertulia.ids import TenantId
from tertulia.rest.api import Api
from tertulia.rest.callers import Caller
from tertulia.rest.operation import Answer, Asked, Call, Operation, Rule
from tertulia.rest.services import Services


class Callers:
    async def identify(self, request: Request) -> Caller:
        return Caller(TenantId("tenant"), "somebody")


class Unlimited:
    async def take(self, *_: object) -> None:
        pass


async def find(asked: Asked[None]) -> None:
    return None


async def act(call: Call[None], found: None) -> Answer:
    raise BadToken("the invite was revoked")


ENDS: Operation[None, None] = Operation(
    name="ends",
    method="GET",
    path="/v1/ends",
    summary="",
    find=find,
    allows=Rule("anybody", lambda caller, found: None),
    act=act,
    status=200,
)
SERVICES = SimpleNamespace(
    callers=Callers(),
    config=SimpleNamespace(open=False, show_nodes=False, public_url="https://example.org"),
    **dict.fromkeys(("directory", "invites", "recordings", "rooms", "admissions", "seats", "idempotency", "now")),
)


async def nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_a_token_that_is_void_by_now_is_no_credential() -> None:
    limit = cast("Any", Unlimited())
    scope = {"type": "http", "method": "GET", "path": "/v1/ends", "query_string": b"", "headers": [], "path_params": {}}
    api = Api(cast("Services", SERVICES), limit, limit)
    with pytest.raises(Unauthorized, match="the invite was revoked"):
        await api.serve(Request(scope, nothing), {"GET": ENDS})
