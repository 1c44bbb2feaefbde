"""What a call does not notice: Redis and PostgreSQL away, also for as long as outages last, an SFU node that stands
still for 20 s and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.call import Fault, goes_on, site_of_calls
from tests.chaos.media_faults import OUTAGES, SLOW
from tests.chaos.site import Site


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_of_calls(tmp_path_factory.mktemp("outages")) as started:
        yield started


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", [*SLOW, *OUTAGES], ids=lambda fault: fault.name)
async def test_a_call_goes_on(running: Site, fault: Fault) -> None:
    await goes_on(fault, running)
