"""TERTULIA_REDIS_URL."""

from __future__ import annotations

import pytest

from tertulia.errors import ConfigError
from tertulia.redis.address import Address, Target, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost", Target(seeds=(Address("localhost", 6379),))),
        ("valkey://h:1/2", Target(seeds=(Address("h", 1),), database=2)),
        ("rediss://h", Target(seeds=(Address("h", 6379),), tls=True)),
        ("valkeys://h/", Target(seeds=(Address("h", 6379),), tls=True)),
        ("redis://:p%40ss%2F@h", Target(seeds=(Address("h", 6379),), password="p@ss/")),
        ("redis://me:secret@h:5", Target(seeds=(Address("h", 5),), username="me", password="secret")),
        ("redis://[::1]:7", Target(seeds=(Address("::1", 7),))),
        ("redis://[::1]", Target(seeds=(Address("::1", 6379),))),
        ("redis+cluster://a:1,b:2,c", Target(seeds=(Address("a", 1), Address("b", 2), Address("c", 6379)))),
        ("rediss+cluster://a", Target(seeds=(Address("a", 6379),), tls=True)),
        ("unix:///run/v%20k.sock", Target(seeds=(Address("/run/v k.sock", 0),))),
        ("unix:///run/v.sock?db=3", Target(seeds=(Address("/run/v.sock", 0),), database=3)),
    ],
)
def test_urls(url: str, expected: Target) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://h",
            "redis://",
            "redis://:secret@",
            "redis://h:port",
            "redis://h:99999",
            "redis://h/x",
            "redis://a,,b",
        ),
        *("redis://:secret@h:x", "redis://h/-1", "", "unix://", "unix:///s?db=x", "redis://[::1"),
    ],
)
def test_wrong_urls_are_told_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError, match="Redis URL") as wrong:
        parse_url(url)
    assert "secret" not in str(wrong.value)


def test_addresses_read_well() -> None:
    assert str(Address("h", 1)) == "h:1"
    assert str(Address("/run/v.sock", 0)) == "/run/v.sock"
