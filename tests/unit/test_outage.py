"""What fails again and again is said once, and once that it is over."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from structlog.testing import capture_logs

from tertulia.errors import Unavailable
from tertulia.outage import Outage, repeat


def said(logs: list[Any]) -> list[tuple[str, str]]:
    return [(line["log_level"], line["event"]) for line in logs]


async def run(*results: Exception | None) -> list[Any]:
    """The log of work that ends so, one time after the other."""
    left = list(results)
    pauses = 0

    def pause() -> float:
        nonlocal pauses
        pauses += 1
        if not left:
            raise asyncio.CancelledError
        return 0.0

    async def work() -> None:
        assert pauses == len(results) - len(left) + 1
        if (result := left.pop(0)) is not None:
            raise result

    with capture_logs() as logs, contextlib.suppress(asyncio.CancelledError):
        await repeat(work, pause, Outage("it fails", "it works", work="this"))
    return logs


@pytest.mark.parametrize("error", [Unavailable("away"), OSError("the disk is full"), TimeoutError()])
async def test_an_outage_is_logged_when_it_begins_and_when_it_is_over(error: Exception) -> None:
    logs = await run(None, error, error, error, None, None, error)
    assert said(logs) == [("warning", "it fails"), ("info", "it works"), ("warning", "it fails")]
    assert {line["work"] for line in logs} == {"this"}
    assert logs[0]["error"] == (str(error) or "TimeoutError")


async def test_a_fault_of_ours_does_not_end_it() -> None:
    logs = await run(ValueError("ours"), None)
    assert said(logs) == [("error", "a fault of ours; goes on all the same")]


def test_what_failed_is_in_the_log() -> None:
    with capture_logs() as logs:
        Outage("it fails", "it works").failed(Unavailable("away"), tenant="t")
    assert (logs[0]["error"], logs[0]["tenant"]) == ("away", "t")
