"""Faults under a call that shows and hears without a pause, some of it in Chromium. Those that take longer are in
``tests/nightly``; ``python -m bench.faults`` measures all, without slack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.call import Fault, goes_on, site_of_calls
from tests.chaos.media_faults import QUICK
from tests.chaos.site import Site


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of_calls(tmp_path_factory.mktemp("media")) as started:
        yield started


@pytest.mark.timeout(400)
@pytest.mark.parametrize("fault", QUICK, ids=lambda fault: fault.name)
async def test_a_call_goes_on(running: Site, fault: Fault) -> None:
    await goes_on(fault, running)
