"""What holds for all tests."""

from __future__ import annotations

from scripts import real_time

real_time.renounce()
