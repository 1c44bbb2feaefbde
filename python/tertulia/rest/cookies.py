"""The cookie of somebody who is signed in, and which requests it counts for."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tertulia.errors import Forbidden
from tertulia.rest.addresses import base_of
from tertulia.senders import is_own

NAME: Final = "tertulia"
_LOCKED: Final = "__Host-"
"""Before the name where there is TLS: then no other host, and nobody without TLS, can have set the cookie (RFC 6265bis,
section 4.1.3)."""
_READS: Final = frozenset({"GET", "HEAD"})
_FOREIGN: Final = "the cookie counts on pages of this server only: use an API key elsewhere"


def name_of(request: Request, public_url: str | None, name: str = NAME) -> str:
    """What a cookie is called where this request goes."""
    return _LOCKED + name if _is_secure(request, public_url) else name


def cookie_of(request: Request, public_url: str | None, name: str = NAME) -> str | None:
    """What a cookie holds; None: the browser sends none.

    Ours are never quoted. Python's own parser takes quadratic time for quoted ones (CVE-2024-7592), which anybody can
    send.
    """
    wanted = name_of(request, public_url, name)
    pairs = (part.partition("=") for header in request.headers.getlist("cookie") for part in header.split(";"))
    return next((value.strip() for found, _, value in pairs if found.strip() == wanted), None) or None


def set_cookie(
    response: Response, request: Request, public_url: str | None, value: str, seconds: int, name: str = NAME
) -> None:
    """Have the browser keep a cookie, which no script sees and no other site's forms or scripts send."""
    response.set_cookie(
        name_of(request, public_url, name),
        value,
        max_age=seconds,
        secure=_is_secure(request, public_url),
        httponly=True,
        samesite="lax",
    )


def check_origin(request: Request, public_url: str | None) -> None:
    """Check that a page of this server sends the request, as browsers tell.

    Raises:
        Forbidden
    """
    origin, fetched = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    is_ours = origin is not None and is_own(origin, request.url.netloc, public_url)
    if (origin is not None and not is_ours) or fetched not in (None, "same-origin"):
        raise Forbidden(_FOREIGN)
    if request.method not in _READS and origin is None and fetched is None:
        raise Forbidden("a request by cookie that changes something has to name its page, as browsers do: send Origin")


def _is_secure(request: Request, public_url: str | None) -> bool:
    return base_of(request, public_url).url.startswith("https:")
