"""What counts as a call that went on."""

from __future__ import annotations

from typing import cast

import pytest

from tests.chaos import call
from tests.chaos.call import ATTEMPTS, PAGE_STARVED, SLACK, STARVED, Bar, Fault, Outcome, goes_on
from tests.chaos.site import Site


async def _nothing(_: object) -> None: ...


FAULT = Fault("nothing", _nothing, Bar(seconds=0.2, share=100))
WELL = Outcome(pauses=[0.1], lag=0.0, in_page=[0.1], page_lag=0.0, waits=[], wrong=[])
BUSY = WELL._replace(lag=STARVED + 0.1)
NOWHERE = cast("Site", None)


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """What calls go through, one after the other."""
    left: list[Outcome] = []

    async def under(*_: object) -> Outcome:
        return left.pop(0)

    monkeypatch.setattr(call, "under", under)
    return left


async def test_a_call_in_which_all_went_well_is_enough(outcomes: list[Outcome]) -> None:
    outcomes += [WELL]
    await goes_on(FAULT, NOWHERE)


async def test_what_is_wrong_is_not_measured_away(outcomes: list[Outcome]) -> None:
    outcomes += [BUSY._replace(wrong=["somebody left"]), WELL]
    with pytest.raises(AssertionError, match="somebody left"):
        await goes_on(FAULT, NOWHERE)
    assert outcomes == [WELL]


@pytest.mark.parametrize("busy", [BUSY, WELL._replace(page_lag=PAGE_STARVED + 0.1)], ids=["callers", "page"])
async def test_on_a_busy_machine_nothing_is_measured(busy: Outcome, outcomes: list[Outcome]) -> None:
    outcomes += [busy._replace(pauses=[9.0]), WELL]
    await goes_on(FAULT, NOWHERE)
    outcomes += [busy] * ATTEMPTS
    with pytest.raises(pytest.skip.Exception, match="too busy to tell"):
        await goes_on(FAULT, NOWHERE)
    assert outcomes == []


async def test_a_pause_on_a_machine_with_time_counts(outcomes: list[Outcome]) -> None:
    outcomes += [WELL._replace(pauses=[0.2 + SLACK + 0.1]), WELL]
    with pytest.raises(AssertionError, match="media pauses"):
        await goes_on(FAULT, NOWHERE)
