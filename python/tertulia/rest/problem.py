"""Errors as RFC 9457 problems: the one place that maps :mod:`tertulia.errors` to HTTP."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.responses import Response

from tertulia.contract.answers import Problem, ProblemField
from tertulia.errors import Crowded, MethodNotAllowed, NoSuchRange, RateLimited, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
_HIDDEN: Final = "something went wrong on the server, and has been logged"


def problem(error: BaseException) -> Response:
    """The answer for ``error``. One that is not ours is a 500, whose text stays in the log."""
    code, status, detail = "internal", 500, _HIDDEN
    fields: list[ProblemField] = []
    reason: str | None = None
    extra: dict[str, str] = {}
    if isinstance(error, Refused | Unavailable):
        code, status, detail = error.code, error.status, error.message
    if isinstance(error, Unavailable):
        detail = "the server cannot reach a service that it needs; try again in a moment"
        extra["Retry-After"] = "2"
    if isinstance(error, Refused):
        fields = [ProblemField(field=e.field, message=e.message) for e in error.errors]
        reason = error.reason
    if status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowed):
        extra["Allow"] = error.allow
    if isinstance(error, NoSuchRange):
        extra["Content-Range"] = f"bytes */{error.size}"
    if isinstance(error, RateLimited | Crowded):
        extra["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    body = Problem(
        type="about:blank",  # RFC 9457, section 4.2.1: no more than the status; `code` is our own
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        reason=reason,
        errors=fields,
    )
    return Response(msgspec.json.encode(body), status, extra, MEDIA_TYPE)


def is_fault(error: BaseException) -> bool:
    """Whether the server is at fault, so that the log should say so."""
    return not isinstance(error, Refused)
