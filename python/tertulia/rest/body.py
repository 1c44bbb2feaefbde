"""The body and the query of a request: bounded, of the right type, strict JSON."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request

from tertulia import strict_json, validation
from tertulia.contract.fields import Wire
from tertulia.errors import NotJson, TooLarge, UnsupportedMedia
from tertulia.rest.operation import AnyOperation

MAX_BODY: Final = 64 * 1024
"""Bytes."""
BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


async def read(request: Request) -> bytes:
    """The whole body.

    Raises:
        TooLarge: more than MAX_BODY, announced or sent.
        NotJson: it did not arrive in time.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY:
        raise TooLarge(f"the body is larger than {MAX_BODY} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise TooLarge(f"the body is larger than {MAX_BODY} bytes")
    except (TimeoutError, ClientDisconnect):
        raise NotJson(f"the body did not arrive within {BODY_SECONDS:.0f} s") from None
    return bytes(body)


def of_operation(request: Request, raw: bytes, operation: AnyOperation) -> Any:
    """The body or the query as the operation's struct; None where it has neither.

    Raises:
        UnsupportedMedia, NotJson, Invalid
    """
    if operation.body is not None:
        if operation.body_is_optional and not raw:
            return validation.read(operation.body, {})
        check_media_type(request)
        return validation.read(operation.body, parse(raw))
    if operation.query is not None:
        return _query(operation.query, request)
    return None


def canonical(raw: bytes) -> bytes:
    """A JSON body in a form that is the same for bodies that say the same. Raises NotJson."""
    return json.dumps(parse(raw), sort_keys=True).encode()


def check_media_type(request: Request) -> None:
    """Raises UnsupportedMedia unless the body is declared as JSON in UTF-8, not compressed."""
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    if kind != "application/json" or any(charset not in ("utf-8", "utf8") for charset in charsets):
        raise UnsupportedMedia("send the body as application/json in UTF-8")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("send the body without Content-Encoding")


def parse(body: bytes) -> Any:
    """The JSON value in ``body`` (see :mod:`tertulia.strict_json`), in which no object has a key twice.

    Raises:
        NotJson
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    try:
        return strict_json.loads(text, _object)
    except ValueError as e:
        raise NotJson(f"the body is not JSON: {e}") from None


def _query(kind: type[Wire], request: Request) -> Any:
    """A query holds text: what looks like a whole number is read as one where one is wanted."""
    given: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        values = request.query_params.getlist(field.encode_name)
        if len(values) > 1:
            given[field.encode_name] = values  # a list, which no parameter takes
        elif values:
            is_whole = field.encode_name == "limit" and _WHOLE.fullmatch(values[0])
            given[field.encode_name] = int(values[0]) if is_whole else values[0]
    return validation.read(kind, given)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
