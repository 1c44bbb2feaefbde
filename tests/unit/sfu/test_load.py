"""How busy a media thread is."""

from __future__ import annotations

import time

import pytest

from tertulia.sfu import load as sfu_load
from tertulia.sfu.load import Load


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The CPU time of this process, which may use two cores."""
    process = [1.0]
    monkeypatch.setattr(time, "process_time", lambda: process[0])
    monkeypatch.setattr(sfu_load, "cores", lambda: 2.0)
    return process


def test_load_is_the_cpu_time_of_the_thread_since_the_last_time(used: list[float]) -> None:
    load = Load(10.0)
    assert load.measure(0.5, 12.0) == pytest.approx(0.25)
    assert load.measure(1.3, 13.0) == load.last == pytest.approx(0.8)
    assert load.measure(1.3, 14.0) == 0.0
    assert load.measure(9.0, 15.0) == 1.0
    assert load.measure(9.0, 15.0) == 0.0


def test_a_process_that_uses_all_its_cores_is_busy_whatever_the_thread_does(used: list[float]) -> None:
    load = Load(10.0)
    used[0] += 1.8
    assert load.measure(0.5, 11.0) == pytest.approx(0.9)
    assert load.own == pytest.approx(0.25), "without the thread it would use 1.3 of two cores"
    used[0] += 0.4
    assert load.measure(1.0, 12.0) == load.own == pytest.approx(0.5)


def test_a_container_that_uses_all_of_its_quota_is_full(used: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sfu_load, "cores", lambda: 0.5)
    load = Load(10.0)
    used[0] += 0.5
    assert load.measure(0.4, 11.0) == pytest.approx(1.0)
    monkeypatch.setattr(sfu_load, "cores", lambda: 1.0)
    used[0] += 0.5
    assert load.measure(0.8, 12.0) == pytest.approx(0.5), "it has been given more meanwhile"
