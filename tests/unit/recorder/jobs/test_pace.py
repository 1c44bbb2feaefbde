from __future__ import annotations

import pytest

from tertulia.recorder.jobs.pace import WINDOW, Pace


def test_nothing_is_known_before_there_is_progress() -> None:
    assert Pace(0.0).remaining(10.0) is None


def test_it_tells_the_rest_from_the_speed() -> None:
    pace = Pace(0.0)
    pace.reach(0.25, 10.0)
    assert pace.remaining(10.0) == pytest.approx(30.0)


def test_what_was_found_ready_is_no_speed_for_longer_than_the_window() -> None:
    pace = Pace(0.0)
    pace.reach(0.5, 0.1)
    for second in range(1, 200):
        pace.reach(0.5 + second * 0.001, float(second))
    assert pace.remaining(199.0) == pytest.approx((0.5 - 0.199) / 0.001, rel=0.05)


def test_it_keeps_no_more_than_the_window() -> None:
    pace = Pace(0.0)
    for step in range(100_000):
        pace.reach(step / 200_000, step * 0.01)
    assert len(pace._marks) <= WINDOW + 3


def test_going_back_is_no_progress() -> None:
    pace = Pace(0.0)
    pace.reach(0.5, 5.0)
    pace.reach(0.4, 9.0)
    assert (pace.fraction, pace.alive_at) == (0.5, 5.0)


def test_what_gets_on_without_a_fraction_is_alive() -> None:
    pace = Pace(0.0)
    pace.live(5.0)
    assert (pace.alive_at, pace.fraction) == (5.0, 0.0)
    pace.reach(0.1, 7.0)
    assert pace.alive_at == 7.0
