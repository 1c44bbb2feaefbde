"""The body of a request: bounded, of the right type, strict JSON."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from tertulia import strict_json
from tertulia.errors import NotJson, TooLarge, UnsupportedMedia

MAX_BODY: Final = 64 * 1024
"""Bytes (the contract's 64 KiB)."""
BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
_MAX_DIGITS: Final = 40
"""Of an integer: none of our fields needs more, and Python takes quadratic time to read very long ones."""
_EXACT: Final = 2.0**53
"""Below it ``5.0`` is the whole number 5, as in JSON Schema."""


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
        return strict_json.loads(text, object_pairs_hook=_object, parse_int=_integer, parse_float=_number)
    except ValueError as e:
        raise NotJson(f"the body is not JSON: {e}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)
