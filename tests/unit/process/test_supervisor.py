from __future__ import annotations

from tertulia.process.supervisor import FIRST_DELAY, LAST_DELAY, delay_after


def test_each_crash_in_a_row_doubles_the_delay_up_to_a_bound() -> None:
    delays = [delay_after(crashes) for crashes in range(1, 12)]
    assert delays[:3] == [FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4]
    assert delays[-1] == LAST_DELAY
    assert delays == sorted(delays)
    assert delay_after(100_000) == LAST_DELAY
