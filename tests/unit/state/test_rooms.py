"""What needs no Redis."""

from __future__ import annotations

from tertulia.state.rooms import room_ttl_ms


def test_the_ttl_is_the_greater_of_90_s_and_four_intervals() -> None:
    assert room_ttl_ms(10) == 90_000
    assert room_ttl_ms(22.5) == 90_000
    assert room_ttl_ms(30) == 120_000
