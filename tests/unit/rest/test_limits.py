import pytest

from tertulia.rest import limits
from tertulia.rest.limits import BURST_SECONDS, RateLimit


def test_a_burst_passes_then_the_rate_holds() -> None:
    limit = RateLimit(10)
    assert all(limit.take("a", 100.0) is None for _ in range(10 * BURST_SECONDS))
    refused = limit.take("a", 100.0)
    assert refused is not None
    assert 0 < refused.retry_after <= 0.1
    assert limit.take("a", 100.0 + refused.retry_after + 1e-9) is None
    assert limit.take("a", 100.1 + 1e-9) is not None


def test_what_is_refused_costs_nothing() -> None:
    limit = RateLimit(1)
    for _ in range(BURST_SECONDS):
        limit.take("a", 0.0)
    for _ in range(100):
        assert limit.take("a", 0.5) is not None
    assert limit.take("a", 1.0) is None


def test_callers_have_buckets_of_their_own() -> None:
    limit = RateLimit(1)
    for _ in range(BURST_SECONDS + 1):
        limit.take("a", 0.0)
    assert limit.take("a", 0.0) is not None
    assert limit.take("b", 0.0) is None


def test_zero_is_no_limit() -> None:
    limit = RateLimit(0)
    assert all(limit.take("a", 0.0) is None for _ in range(1000))


def test_memory_is_bounded_and_the_quietest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_MOST_BUCKETS", 3)
    limit = RateLimit(1)
    for _ in range(BURST_SECONDS + 1):
        limit.take("busy", 0.0)
    for name in "abcdef":
        limit.take(name, 0.0)
        assert limit.take("busy", 0.0) is not None
    assert len(limit._buckets) == 3
