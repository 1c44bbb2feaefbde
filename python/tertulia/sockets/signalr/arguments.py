"""The argument of a hub method: the payload of a call."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec
from msgspec import Struct

from tertulia.contract.calls import CALLS
from tertulia.strict_json import TooDeep, levels, whole
from tertulia.validation import has_bad_text

_JSON: Final = {dict, list, str, int, float, bool, type(None)}


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


class NotJson(ValueError):
    """It is what no JSON parser could have returned, or deeper than allowed: MessagePack can say more."""


def as_json(value: object) -> object:
    """``value`` as the plain dialect reads it: ``5.0`` is the whole number 5, and a number beyond a double's range is
    infinite. Nearly all the time is spent in C. Raises NotJson."""
    has_floats = False
    try:
        for level in levels(value):
            kinds = set(map(type, level))
            if not kinds <= _JSON or (dict in kinds and not _has_texts_for_keys(level)):
                raise NotJson
            if float in kinds:
                has_floats = True
                if any(type(item) is float and math.isnan(item) for item in level):
                    raise NotJson
    except TooDeep:
        raise NotJson from None
    return _rounded(value) if has_floats else value


def _has_texts_for_keys(values: list[Any]) -> bool:
    return all(type(key) is str for value in values if type(value) is dict for key in value)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return whole(value) if isinstance(value, float) else value
