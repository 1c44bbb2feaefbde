"""The clock of the database."""

from __future__ import annotations

import time

import pytest

from tertulia.db.clock import DatabaseClock
from tertulia.db.engine import Database
from tertulia.times import from_seconds


async def test_a_recorders_own_clock_is_of_no_account(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, right = DatabaseClock(database), time.time()
    monkeypatch.setattr(time, "time", lambda: right + 3600)
    assert abs((await clock.now() - from_seconds(right)).total_seconds()) < 60
    first = await clock.now()
    assert first <= await clock.now()
