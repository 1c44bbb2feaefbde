"""The argument of a hub method: the payload of a call."""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct

from tertulia.contract.calls import CALLS
from tertulia.strict_json import TooDeep, levels, whole
from tertulia.validation import has_bad_text


def convert(event: str, payload: object) -> Struct | None:
    """The contract's struct, where the payload is flat and nothing is wrong with it, which is the common case; None:
    look closer."""
    kind = CALLS.get(event)
    if kind is None or type(payload) is not dict:
        return None
    for key, value in payload.items():
        if type(key) is not str or not key.isascii():
            return None
        if type(value) is str:
            if has_bad_text(value):
                return None
        elif value is not None and type(value) not in (bool, int):
            return None
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError:
        return None


def is_json(value: object) -> bool:
    """Whether a JSON parser could have returned ``value``, no deeper than allowed: MessagePack can say more. A number
    beyond a double's range is infinite."""
    try:
        return all(all(map(_is_json_item, level)) for level in levels(value))
    except TooDeep:
        return False


def _is_json_item(value: object) -> bool:
    """The same for one value, apart from what it contains."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value)
    if isinstance(value, float):
        return not math.isnan(value)
    return value is None or isinstance(value, str | int | list)


def with_whole_numbers(value: object) -> object:
    """``value``, which :func:`is_json`, as the plain dialect reads it: ``5.0`` is the whole number 5."""
    if isinstance(value, dict):
        return {key: with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(item) for item in value]
    return whole(value) if isinstance(value, float) else value
