from __future__ import annotations

from tertulia.process.child import describe


def test_an_exit_status_in_words() -> None:
    assert describe(3) == "ended with status 3"
    assert describe(-9) == "was ended by SIGKILL"
