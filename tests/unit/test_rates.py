import pytest

from tertulia import rates
from tertulia.errors import RateLimited
from tertulia.rates import BURST_SECONDS, Queues, RateLimit


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
    monkeypatch.setattr(rates, "MOST_NAMES", 3)
    limit = RateLimit(1)
    for _ in range(BURST_SECONDS + 1):
        limit.take("busy", 0.0)
    for name in "abcdef":
        limit.take(name, 0.0)
        assert limit.take("busy", 0.0) is not None
    assert len(limit._buckets) == 3


def test_a_bucket_owes_one_charge_at_most() -> None:
    limit = RateLimit(1)
    for _ in range(100):
        limit.charge("a", 0.0, 3)
    assert limit.take("a", 3.5) is not None
    assert limit.take("a", 4.0) is None


def test_a_charge_forgives_nothing() -> None:
    limit = RateLimit(1)
    limit.owe("a", 0.0, 100)
    limit.charge("a", 0.0, 10)
    owed = limit.owed("a", 0.0)
    assert owed is not None
    assert owed.retry_after == 100


def test_who_is_charged_owes_and_who_only_asks_does_not() -> None:
    limit = RateLimit(1)
    assert limit.owed("a", 0.0) is None
    for _ in range(100):
        limit.take("a", 0.0)
    assert limit.owed("a", 0.0) is None
    limit.charge("a", 0.0, 10)
    owed = limit.owed("a", 4.0)
    assert owed is not None
    assert owed.retry_after == 6
    assert limit.owed("a", 10.0) is None
    assert RateLimit(0).owed("a", 0.0) is None


# --- queues


def test_a_burst_goes_at_once_then_each_has_its_turn() -> None:
    queues = Queues(10, burst=5, longest=1)
    waits = [queues.wait("a", 100.0) for _ in range(8)]
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.1, 0.2, 0.3])
    assert queues.wait("b", 100.0) == 0
    assert queues.wait("a", 100.3) == pytest.approx(0.1)
    assert queues.wait("a", 110.0) == 0


def test_who_would_wait_too_long_is_refused_and_takes_no_turn() -> None:
    queues = Queues(10, burst=1, longest=1)
    assert all(not isinstance(queues.wait("a", 0.0), RateLimited) for _ in range(11))
    for _ in range(100):
        refused = queues.wait("a", 0.0)
        assert isinstance(refused, RateLimited)
        assert refused.retry_after == pytest.approx(1.1)
    assert queues.wait("a", 0.1) == pytest.approx(1)


def test_without_a_rate_nobody_waits() -> None:
    queues = Queues(0, burst=0, longest=1)
    assert all(queues.wait("a", 0.0) == 0 for _ in range(1000))


def test_queues_are_bounded_and_the_quietest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_NAMES", 3)
    queues = Queues(1, burst=1, longest=100)
    queues.wait("busy", 0.0)
    for turn, name in enumerate("abcdef", 1):
        queues.wait(name, 0.0)
        assert queues.wait("busy", 0.0) == turn
    assert len(queues._empty_at) == 3
