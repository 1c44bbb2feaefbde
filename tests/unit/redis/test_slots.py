"""Slots of a cluster; the values are those of the Redis Cluster specification and of CLUSTER KEYSLOT."""

from __future__ import annotations

import pytest

from tertulia.redis.address import Address
from tertulia.redis.slots import SLOTS, read_redirect, read_slots, slot_of

ASKED = Address("asked", 6379)


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 12739),  # 0x31C3, the specification's test value
        ("foo", 12182),
        ("{user1000}.following", slot_of("user1000")),
        ("foo{}{bar}", slot_of("foo{}{bar}")),
        ("foo{{bar}}zap", slot_of("{bar")),
        ("foo{bar}{zap}", slot_of("bar")),
        ("", 0),
    ],
)
def test_slot_of(key: str, slot: int) -> None:
    assert slot_of(key) == slot


def test_an_empty_tag_does_not_count() -> None:
    assert slot_of("foo{}bar") != slot_of("")


def test_read_slots() -> None:
    reply = [
        [0, 8191, [b"10.0.0.1", 7000, b"id", []], [b"10.0.0.9", 7009, b"replica", []]],
        [8192, 16382, [b"", 7001, b"id"]],
    ]
    owners = read_slots(reply, ASKED)
    assert len(owners) == SLOTS
    assert owners[0] == owners[8191] == Address("10.0.0.1", 7000)
    assert owners[8192] == owners[16382] == Address("asked", 7001)
    assert owners[16383] is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("MOVED 3999 127.0.0.1:6381", Address("127.0.0.1", 6381)),
        ("ASK 3999 :6381", Address("asked", 6381)),
        ("MOVED 3999 ?:6381", Address("asked", 6381)),
        ("MOVED 3999 ::1:6381", Address("::1", 6381)),
        ("MOVED 3999 [::1]:6381", Address("::1", 6381)),
        ("MOVED 3999 node.example:6381", Address("node.example", 6381)),
    ],
)
def test_read_redirect(text: str, address: Address) -> None:
    assert read_redirect(text, ASKED) == (3999, address)
