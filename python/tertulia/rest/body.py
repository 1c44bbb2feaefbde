"""The body of a request: bounded, of the right type, strict JSON."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from tertulia.errors import NotJson, TooLarge, UnsupportedMedia

MAX_BODY: Final = 64 * 1024
"""Bytes (the contract's 64 KiB)."""
MAX_DEPTH: Final = 32
"""Levels of nesting, the outer object being the first."""
BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
_MAX_DIGITS: Final = 40
"""Of an integer: none of our fields needs more, and Python takes quadratic time to read very long ones."""

_EXACT: Final = 2.0**53
"""Below it ``5.0`` is the whole number 5, as in JSON Schema."""

_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


async def read(request: Request) -> bytes:
    """The whole body.

    Raises:
        TooLarge: more than MAX_BODY, announced or sent.
        NotJson: it did not arrive in time.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY:
        raise TooLarge(f"the body has more than {MAX_BODY} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise TooLarge(f"the body has more than {MAX_BODY} bytes")
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
    """The JSON value in ``body`` (RFC 8259, and no key twice).

    Lone surrogates pass: only who knows the field can say which one holds it.

    Raises:
        NotJson
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    _check_depth(text)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_number
        )
    except (ValueError, RecursionError) as e:
        raise NotJson(f"the body is not JSON: {e}") from None


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise NotJson(f"the body is nested more than {MAX_DEPTH} levels deep")
        elif match[0] in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)
