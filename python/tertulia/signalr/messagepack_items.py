"""The items of MessagePack, told apart by their first octets and not read (the "Formats" of its specification)."""

from __future__ import annotations

from typing import Final

UNCOUNTED: Final = 96
"""Octets of a message, as nearly all calls have them, in which each counts: there are not many."""
MAX_COUNTED: Final = 1_000
"""Items that are counted one by one; behind them each octet may be one."""
MAX_PARTS: Final = 5_000
"""Lists, maps and other values in a message that is read: each becomes an object of Python's."""
_SIZES: Final = bytes(
    (
        *[1] * 0xA0,
        *range(1, 33),  # short texts
        *[1] * 4,
        *(2, 3, 5, 3, 4, 6),  # the lengths of bytes, and the lengths and types of extensions
        *(5, 9, 2, 3, 5, 9, 2, 3, 5, 9),  # floats and integers
        *(3, 4, 6, 10, 18),  # extensions of a fixed length
        *(2, 3, 5, 3, 5, 3, 5),  # the lengths of texts, lists and maps
        *[1] * 32,
    )
)
"""Octets of an item, by the first of them, without those that a length in it counts."""
_BYTES: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_MAPS: Final = {0xDE: 2, 0xDF: 4}
"""The octets of a length, by the first octet: of bytes, extensions and texts, and of maps."""


def pairs_at(payload: bytes, at: int) -> int:
    """How many pairs the item there has, if it is a map."""
    first = payload[at]
    if 0x80 <= first < 0x90:
        return first & 0x0F
    octets = _MAPS.get(first)
    return int.from_bytes(payload[at + 1 : at + 1 + octets]) if octets else 0


def next_item(payload: bytes, at: int) -> int:
    """Where the item behind the one there begins: in a list or a map its first one."""
    first = payload[at]
    octets = _BYTES.get(first)
    length = int.from_bytes(payload[at + 1 : at + 1 + octets]) if octets else 0
    return at + _SIZES[first] + length


def parts_of(payload: bytes) -> int:
    """How many lists and maps, and values in them, there may be. Takes a fraction of a millisecond at the most."""
    if len(payload) < UNCOUNTED:
        return len(payload)
    items = keys = at = 0
    while at < len(payload) and items < MAX_COUNTED:
        items += 1
        keys += pairs_at(payload, at)
        at = next_item(payload, at)
    items += max(0, len(payload) - at)
    return items - min(keys, items // 2)  # no more than half of them are keys, whatever is said
