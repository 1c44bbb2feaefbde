"""JSON told apart by its marks and not read: what many a message costs that cannot be read, or has too much in it."""

from __future__ import annotations

import re
from typing import Final

import msgspec

MAX_PARTS: Final = 5_000
"""Lists, objects, strings and other values in a message that is read: each becomes an object of Python's."""
MAX_TOKENS: Final = 12_000
"""Strings and brackets of a message of which only the head can be read: they are told apart one by one, in 3 ms."""
_LEVELS: Final = 2
"""Of nesting that are kept of what cannot be read: the message, and its arguments and headers, empty."""
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(rb'[^"\[\]{}]*+(' + _STRING + rb"?|[\[{]+|[\]}]+|\Z)", re.DOTALL)
"""What stands before a string, or before brackets that open or close, and that. A string without an end matches too, so
that nothing is scanned twice."""
_MANY: Final = re.compile(rb'(?:[^"\[{,]*+(?:' + _STRING + rb"|[\[{,])){%d}" % (MAX_PARTS + 1), re.DOTALL)
_MARKS: Final = (b"[", b"{", b",")
_string: Final = msgspec.json.Decoder(str)


def parts_of(payload: bytes) -> int:
    """How many lists and objects, and values in them, there may be: counted by what stands before them, in its strings
    too."""
    return sum(map(payload.count, _MARKS))


def has_many_parts(payload: bytes) -> bool:
    """Whether more than MAX_PARTS are in it; marks in strings do not count. Takes 2 ms at the most."""
    if len(payload) <= MAX_PARTS or parts_of(payload) + payload.count(b'"') // 2 <= MAX_PARTS:
        return False
    return _MANY.match(payload) is not None


def shallow(payload: bytes) -> bytes:
    """``payload`` with all that is nested ``_LEVELS`` deep left empty, and ``null`` for strings outside of it that are
    none. Takes linear time, and no recursion. Raises ValueError: there are more than MAX_TOKENS in it."""
    kept = []
    depth = begin = 0
    for number, token in enumerate(_TOKEN.finditer(payload)):
        if number > MAX_TOKENS:
            raise ValueError
        start, end = token.span(1)
        before = depth
        if start == end:
            break
        if payload[start] in b"[{":
            depth += end - start
            if before < _LEVELS <= depth:
                kept.append(payload[begin : start + _LEVELS - before])
        elif payload[start] in b"]}":
            depth -= end - start
            if depth < _LEVELS <= before:
                begin = start + before - _LEVELS
        elif depth < _LEVELS and not _is_string(token[1]):
            kept += payload[begin:start], b"null"
            begin = end
    return b"".join((*kept, payload[begin:] if depth < _LEVELS else b""))


def _is_string(token: bytes) -> bool:
    try:
        _string.decode(token)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return True
