"""Which server of a Redis Cluster owns a key (Redis Cluster specification, "Key distribution model")."""

from __future__ import annotations

import binascii
from typing import Any, Final

from tertulia.redis.address import Address

SLOTS: Final = 16384
_UNKNOWN: Final = ("", "?")
"""The host of a server that does not know its own address."""


def slot_of(key: str) -> int:
    """The slot of a key: CRC16 (XMODEM) of its hash tag, which stands between the first ``{`` and the next ``}``, or of
    the whole key if that is empty or missing."""
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return binascii.crc_hqx(key.encode(), 0) % SLOTS


def read_slots(reply: Any, asked: Address) -> list[Address | None]:
    """The owner of each slot, from the reply to CLUSTER SLOTS. A host without a name is ``asked``, which replied."""
    owners: list[Address | None] = [None] * SLOTS
    for first, last, master, *_ in reply:
        host = (master[0] or b"").decode()
        host = asked.host if host in _UNKNOWN else host
        owners[first : last + 1] = [Address(host, int(master[1]))] * (last + 1 - first)
    return owners


def read_redirect(text: str, asked: Address) -> tuple[int, Address]:
    """Slot and server of ``MOVED 3999 127.0.0.1:6381`` or ``ASK …``. An empty host is ``asked``, which replied."""
    _, slot, place = text.split(" ")[:3]
    host, _, port = place.rpartition(":")
    host = asked.host if host in _UNKNOWN else host.strip("[]")
    return int(slot), Address(host, int(port))
