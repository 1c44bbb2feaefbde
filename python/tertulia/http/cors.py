"""Cross-origin calls (the Fetch standard's CORS protocol). Credentials are tokens, never cookies."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders

from tertulia.senders import Origins

_MAX_AGE: Final = "600"
"""Seconds for which a browser may remember a preflight."""
_HEADER_NAMES: Final = re.compile(r"[A-Za-z0-9_, -]{1,1000}")


class Cors:
    """The headers that tell browsers which origins may call."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins

    def is_foreign(self, request: Headers, *, has_credential: bool) -> bool:
        """Whether a page of another site sent the request, and not one that may call."""
        origin = request.get("origin")
        if origin is None:
            return request.get("sec-fetch-site") == "cross-site" and not has_credential
        may_call = self._origins.allow(origin, with_credential=has_credential)
        return not may_call and not self._origins.are_ours(origin, request.get("host", ""))

    def mark(self, request: Headers, response: MutableHeaders, *, has_credential: bool) -> None:
        """Add the headers that let the caller's page read the response."""
        origin = request.get("origin")
        if origin is None or not self._origins.allow(origin, with_credential=has_credential):
            return
        response["Access-Control-Allow-Origin"] = origin
        response["Access-Control-Allow-Credentials"] = "true"  # which SignalR's browser client asks for
        response["Access-Control-Expose-Headers"] = "Retry-After"
        response.add_vary_header("Origin")

    def mark_preflight(self, request: Headers, response: MutableHeaders, methods: str) -> None:
        """Add what a preflight asks for, on top of :meth:`mark`."""
        if "Access-Control-Allow-Origin" not in response or "access-control-request-method" not in request:
            return
        wanted = request.get("access-control-request-headers", "")
        response["Access-Control-Allow-Methods"] = methods
        response["Access-Control-Max-Age"] = _MAX_AGE
        if _HEADER_NAMES.fullmatch(wanted):
            response["Access-Control-Allow-Headers"] = wanted


def has_credential(request: Headers) -> bool:
    """Whether it, or the one that a preflight asks for, has ``Authorization``."""
    wanted = request.get("access-control-request-headers", "").lower().split(",")
    return "authorization" in request or "authorization" in [name.strip() for name in wanted]
