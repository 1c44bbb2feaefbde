"""How busy the process is."""

from __future__ import annotations

import time

import pytest

from tertulia.sfu.load import Load


def test_load_is_cpu_time_per_thread_and_at_most_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {"monotonic": 10.0, "process_time": 1.0}
    monkeypatch.setattr(time, "monotonic", lambda: clocks["monotonic"])
    monkeypatch.setattr(time, "process_time", lambda: clocks["process_time"])
    load = Load(threads=2)

    def after(elapsed: float, used: float) -> float:
        clocks["monotonic"] += elapsed
        clocks["process_time"] += used
        return load.measure()

    assert after(2.0, 1.0) == pytest.approx(0.25)
    assert after(2.0, 0.0) == 0.0
    assert after(1.0, 9.0) == 1.0
    assert after(0.0, 0.0) == 0.0
