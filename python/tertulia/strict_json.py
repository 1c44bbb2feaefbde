"""JSON as RFC 8259 has it, in text that somebody else wrote: no NaN, no Infinity, and bounded nesting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 32
"""Levels of nesting, the outer object being the first (the contract's 32)."""


class TooDeep(ValueError):
    """The value is nested more than MAX_DEPTH levels deep."""

    def __init__(self) -> None:
        super().__init__(f"it is nested more than {MAX_DEPTH} levels deep")


def loads(text: str, **hooks: Any) -> Any:
    """The value in ``text``. Lone surrogates pass: only who knows the field can say which one holds it.

    ``hooks`` are those of :func:`json.loads`.

    Raises:
        TooDeep
        ValueError: it is not JSON.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant, **hooks)
    except RecursionError:
        raise TooDeep from None
    if is_too_deep(value):
        raise TooDeep
    return value


def is_too_deep(value: object) -> bool:
    """Whether ``value`` has more than MAX_DEPTH levels of objects and lists."""
    return any(
        isinstance(item, dict | list) for level in islice(levels(value), MAX_DEPTH, MAX_DEPTH + 1) for item in level
    )


def levels(value: object) -> Iterator[list[Any]]:
    """The values on each level of nesting, the outermost first. Without recursion: no depth exhausts the stack."""
    level: list[Any] = [value]
    while level:
        yield level
        level = [
            item
            for container in level
            if isinstance(container, dict | list)
            for item in (container.values() if isinstance(container, dict) else container)
        ]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
