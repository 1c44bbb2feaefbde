"""JSON as RFC 8259 has it, in text that somebody else wrote: no NaN, no Infinity, and bounded nesting."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 32
"""Levels of nesting, the outer object being the first."""

_MAX_DIGITS: Final = 40
"""Of an integer: no field needs more, and Python takes quadratic time to read very long ones."""
_ENOUGH: Final = 400
"""The first digits of an integer of which no more have to be read: it is beyond a double's range."""
MAX_PARTS: Final = 5_000
"""Lists, objects, strings and other values in a call: each becomes an object of Python's. No call needs 1,000, but for
a candidate of 4,096 characters that is full of them."""
_MANY: Final = re.compile(rb'(?:[^"\[{,]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{,])){%d}' % (MAX_PARTS + 1), re.DOTALL)
_EXACT: Final = 2.0**53
"""Below this ``5.0`` is the whole number 5, as in JSON Schema."""


_CONTAINERS: Final = {dict, list}


class TooDeep(ValueError):
    """The value is nested more than MAX_DEPTH levels deep."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {MAX_DEPTH} levels deep")


def loads(text: str, pairs: Callable[[list[tuple[str, Any]]], object] | None = None) -> Any:
    """The value in ``text``. Lone surrogates pass: only who knows the field can say which one holds it.

    A number is an int if it is whole, as ``5.0`` is, and a float else, or if it is very large; beyond a double's
    range it is infinite.
    ``pairs`` makes each object.

    Raises:
        TooDeep
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_number, object_pairs_hook=pairs
        )
    except RecursionError:
        raise TooDeep from None
    check_depth(value)
    return value


def parts_of(text: bytes) -> int:
    """How many lists and objects, and values in them, there may be in a JSON text: counted by what stands before them,
    in its strings too."""
    return text.count(b",") + text.count(b"[") + text.count(b"{")


def has_many_parts(text: bytes) -> bool:
    """Whether there are more than MAX_PARTS, unread; marks in strings do not count. Takes 2 ms for 256 KiB."""
    if len(text) <= MAX_PARTS or parts_of(text) + text.count(b'"') // 2 <= MAX_PARTS:
        return False
    return _MANY.match(text) is not None


def check_depth(value: object) -> None:
    """Raises TooDeep: ``value`` has more than MAX_DEPTH levels of objects and lists."""
    for _ in levels(value):
        pass


def levels(value: object) -> Iterator[list[Any]]:
    """The values on each level of nesting, the outermost first, of what a parser returned. Without recursion: no depth
    exhausts the stack.

    Raises:
        TooDeep: after MAX_DEPTH levels of objects and lists there is another.
    """
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        yield level
        if not _CONTAINERS & set(map(type, level)):
            return
        containers = [item for item in level if type(item) in _CONTAINERS]
        level = []
        for container in containers:
            level += container.values() if isinstance(container, dict) else container
    raise TooDeep


def whole(number: float) -> int | float:
    """An int, if the number is a whole one below 2^53, as ``5.0`` is."""
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _number(text: str) -> int | float:
    return whole(float(text))


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits[:_ENOUGH])


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
