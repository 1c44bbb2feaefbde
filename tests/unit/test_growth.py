"""What tells linear time from more."""

from __future__ import annotations

import pytest

from tests.unit.growth import assert_linear


def test_what_is_quadratic_is_found() -> None:
    with pytest.raises(AssertionError, match="400 take"):
        assert_linear(lambda size: lambda: sum(1 for _ in range(size) for _ in range(size)), 400)


def test_what_is_linear_passes() -> None:
    assert_linear(lambda size: lambda: sum(1 for _ in range(size)), 100_000)
