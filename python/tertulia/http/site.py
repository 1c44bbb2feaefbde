"""Everything served over HTTP, as one ASGI application: the routes, and what applies to every response."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Message, Receive, Scope, Send

from tertulia.errors import Forbidden, MethodNotAllowed, NotFound
from tertulia.http.cors import Cors, has_credential
from tertulia.http.metrics import REQUESTS, SECONDS
from tertulia.ids import new_token
from tertulia.rest.api import Api, allowed
from tertulia.rest.links import FILES
from tertulia.rest.operation import AnyOperation
from tertulia.rest.problem import is_fault, problem

Serve = Callable[[Request], Awaitable[Response]]

_log = structlog.get_logger(__name__)
_QUIET: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that machines ask for every few seconds: not logged."""


_API: Final = "/v1/"
_PROVEN: Final = ("/hub", f"{FILES}/")
"""Paths behind which a token is needed, whatever the request has: that of JoinRoom, the signature of an address."""
_FOREIGN: Final = (
    "an open development server answers pages of other sites only with a credential: send one, or name the site in "
    "--cors-origins"
)


def _needs_or_has_credential(path: str, request: Headers) -> bool:
    """Whether a credential is checked. Where none is, as for metrics, to send one proves nothing."""
    return path.startswith(_PROVEN) or (path.startswith(_API) and has_credential(request))


class Site:
    """The outermost application: CORS, metrics, the log, and a problem for whatever goes wrong."""

    def __init__(
        self, routes: Sequence[BaseRoute], cors: Cors, api: Api, lost: Serve, *, is_open: bool = False
    ) -> None:
        """``lost`` answers at paths that do not exist; ``is_open``: the API asks for no credential, so pages of other
        sites must not reach it."""
        self._cors = cors
        self._is_open = is_open
        self._router = Router(routes, redirect_slashes=False, default=_Endpoint("unknown", _Unknown(api, lost).serve))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, ``http`` only: WebSockets do not come here, and lifespan events are off."""
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} scope is served here")
        send = self._marked(scope, send)
        if self._is_open and scope["path"].startswith(_API) and self._is_foreign(scope):
            await problem(Forbidden(_FOREIGN))(scope, receive, send)
        else:
            await self._router(scope, receive, send)

    def _is_foreign(self, scope: Scope) -> bool:
        request = Headers(scope=scope)
        return self._cors.is_foreign(request, has_credential=_needs_or_has_credential(scope["path"], request))

    def _marked(self, scope: Scope, send: Send) -> Send:
        request = Headers(scope=scope)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                is_proven = _needs_or_has_credential(scope["path"], request)
                self._cors.mark(request, headers, has_credential=is_proven)
                if scope["method"] == "OPTIONS":
                    self._cors.mark_preflight(request, headers, headers.get("allow", ""))
            await send(message)

        return marked


class _Endpoint:
    """One route: makes an ASGI application of a coroutine function, for every method. ``is_api``: its answers tell the
    ids of their requests. A hundred files of a page do without."""

    def __init__(self, name: str, serve: Serve, *, is_api: bool = True) -> None:
        self._name = name
        self._serve = serve
        self._is_api = is_api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = Request(scope, receive)
        request.state.request_id = request_id = new_token(size=9)
        response = await self._respond(request)
        if self._is_api:
            response.headers["X-Request-Id"] = request_id
        took = time.perf_counter() - began
        REQUESTS.labels(self._name, str(response.status_code)).inc()
        SECONDS.labels(self._name).observe(took)
        if scope["path"] not in _QUIET:
            milliseconds = round(took * 1000, 1)
            _log.info(
                "http",
                method=scope["method"],
                path=scope["path"],
                status=response.status_code,
                ms=milliseconds,
                request=request_id,
                address=request.client.host if request.client else None,
                by=getattr(request.state, "caller", None),
            )
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._serve(request)
        except Exception as e:  # noqa: BLE001 — the last line: whatever it is, the client gets an answer, the log the cause
            if is_fault(e):
                failed = {"path": request.url.path, "method": request.method, "request": request.state.request_id}
                _log.error("request failed", **failed, exc_info=e)
            return problem(e)


class _Unknown:
    """Paths that do not exist. Below /v1 only a caller with a credential is told so."""

    def __init__(self, api: Api, lost: Serve) -> None:
        self._api = api
        self._lost = lost

    async def serve(self, request: Request) -> Response:
        if not request.url.path.startswith("/v1/"):
            return await self._lost(request)
        if request.method != "OPTIONS":
            await self._api.identify(request)
        raise NotFound("there is nothing at this path")


def api_routes(api: Api, operations: Sequence[AnyOperation]) -> list[BaseRoute]:
    """A route for each path in the table."""
    by_path: dict[str, dict[str, AnyOperation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    return [_api_route(api, path, offered) for path, offered in by_path.items()]


def _api_route(api: Api, path: str, offered: Mapping[str, AnyOperation]) -> Route:
    async def serve(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed(offered)})
        return await api.serve(request, offered)

    return Route(path, _Endpoint(path, serve))


def page_route(path: str, serve: Serve, post: Serve | None = None) -> Route:
    """A route that can be read, and with ``post`` also be posted to."""
    allow = "GET, HEAD, OPTIONS" if post is None else "GET, HEAD, POST, OPTIONS"

    async def serve_page(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allow})
        if request.method == "POST" and post is not None:
            return await post(request)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow)
        return await serve(request)

    return Route(path, _Endpoint(path, serve_page, is_api=False))
