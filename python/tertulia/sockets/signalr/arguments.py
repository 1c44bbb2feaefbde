"""The argument of a hub method: the payload of a call."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tertulia.contract.calls import CALLS
from tertulia.strict_json import TooDeep, levels


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
            if "\0" in value:
                return None
        elif value is not None and type(value) not in (bool, int):
            return None
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError:
        return None


def is_json(value: object) -> bool:
    """Whether a JSON parser could have returned ``value``, no deeper than allowed: MessagePack can say more."""
    try:
        return all(all(map(_is_json_item, level)) for level in levels(value))
    except TooDeep:
        return False


def _is_json_item(value: object) -> bool:
    """The same for one value, apart from what it contains."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value)
    if isinstance(value, float):
        return value - value == 0
    return value is None or isinstance(value, str | int | list)
