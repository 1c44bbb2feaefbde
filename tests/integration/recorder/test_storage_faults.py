"""Storage that answers 500, hangs, cuts uploads or refuses: the job is tried again, says so, and loses nothing."""

from __future__ import annotations

import asyncio
import time

import pytest

from tertulia.recorder.jobs.recorder import LEASE
from tests.integration.recorder import store
from tests.integration.recorder.store import BUCKET, Faulty, Mode
from tests.integration.recorder.studio import Studio


@pytest.mark.parametrize(
    ("mode", "said"),
    [("error", "HTTP 500"), ("refuse", "refuses the credentials"), ("cut", "does not do what it is asked")],
)
async def test_a_fault_amid_storing_is_said_and_passes(mode: Mode, said: str, remote: Studio, proxy: Faulty) -> None:
    row = await remote.recorded(3.0)
    with remote.recorder() as recorder:
        await remote.until(row, lambda it: it.stage == "composing", recorder)
        proxy.become(mode)
        failed = await remote.until(row, lambda it: it.error, recorder)
        assert said in str(failed.error)
        assert f"s3://{BUCKET}" in str(failed.error)
        assert "secret" not in str(failed.error)
        assert (failed.status, failed.stage) == ("processing", "waiting")
        assert [p.name for p in (remote.recordings / row.id).glob("*/*.mjr")], "nothing local is gone"
        proxy.become("pass")
        ready = await remote.until_status(row, "ready", recorder)
        await remote.until_cleared(row)
    assert ready.error is None
    films = [key for key in store.objects(store.bucket(proxy.upstream, BUCKET)) if key.endswith("grid.mp4")]
    assert films == [ready.path]
    assert (await remote.command("recording", "verify", row.id))[0] == 0


async def test_storage_that_hangs_does_not_cost_the_lease(remote: Studio, proxy: Faulty) -> None:
    row = await remote.recorded(3.0)
    with remote.recorder() as recorder, remote.recorder() as other:
        await remote.until(row, lambda it: it.stage == "composing", recorder, other)
        proxy.become("hang")
        await proxy.seen.wait()
        until = time.monotonic() + LEASE + 5
        while time.monotonic() < until:
            assert (await remote.read(row)).status == "processing"
            await asyncio.sleep(0.5)
        proxy.become("pass")
        await remote.until_status(row, "ready", recorder, other)
        films = [log.count("making a film") for log in (recorder.log(), other.log())]
    assert sorted(films) == [0, 1]


async def test_wrong_settings_are_said_in_one_line(remote: Studio) -> None:
    remote.settings["TERTULIA_STORAGE_URL"] = "s3:///nothing"
    status, out, err = await remote.command("recorder")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "bucket" in err
