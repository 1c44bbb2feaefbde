"""``python -m bench.faults``: calls with continuous media under faults, as the table in docs/operations.md.

Beside it, on standard error, how the pauses were spread. ``--people N`` are in each call, ``--times N`` calls go
through each fault; ``--only WORD`` measures those with it in their name.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from bench.faults import people
from scripts import real_time
from tertulia.redis.client import Redis
from tertulia.state.connection import connect_redis
from tests.chaos import media_faults
from tests.chaos.media_faults import Fault, Outcome, under
from tests.chaos.site import Site, site


class Row(NamedTuple):
    """A fault, what it is called, and the bar: seconds within which 95 of 100 streams of media are back."""

    fault: Fault
    name: str
    bar: float


ROWS: Final = (
    Row(media_faults.node_killed, "SFU node: kill -9", 1.5),
    Row(media_faults.node_drained, "SFU node: SIGTERM, `--drain`", 0.2),
    Row(media_faults.node_stands_still, "SFU node stands still, and comes back", 1.5),
    Row(media_faults.thread_stands_still, "one media thread stands still", 1.5),
    Row(media_faults.redis_killed, "Redis: kill -9, back empty after 5 s", 0.2),
    Row(media_faults.flushed, "FLUSHALL", 0.2),
    Row(media_faults.sql_stands_still, "PostgreSQL stands still for 5 s", 0.2),
)


async def measure(running: Site, row: Row | people.Row, count: int, times: int) -> list[Outcome]:
    """So many calls under one fault."""
    redis = await connect_redis(running.redis_url)
    try:
        return [await _one(running, redis, row, count) for _ in range(times)]
    finally:
        await redis.close()


async def _one(running: Site, redis: Redis, row: Row | people.Row, count: int) -> Outcome:
    if isinstance(row, Row):
        return await under(row.fault, running, redis, count)
    return Outcome(sorted(await row.measure(running, redis)), 0.0, 0)


def together(outcomes: list[Outcome]) -> Outcome:
    """All calls under one fault as one."""
    return Outcome(
        sorted(gap for outcome in outcomes for gap in outcome.gaps),
        max(outcome.lag for outcome in outcomes),
        sum(outcome.fenced for outcome in outcomes),
    )


def line(row: Row | people.Row, found: Outcome) -> str:
    """A row of the table: the pause is the longest of 95 of 100."""
    return f"| {row.name} | {found.of_100(95):.1f} s | {row.bar:g} s |"


def spread(found: Outcome) -> str:
    """What the table does not say."""
    shares = ", ".join(f"{name} {found.of_100(share):.2f} s" for name, share in (("median", 50), ("longest", 100)))
    return f"    {shares}; of which the measuring up to {found.lag:.2f} s"


def main() -> int:
    """Print the table; 1: a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--people", type=int, default=4, help="in each call")
    parser.add_argument("--times", type=int, default=3, help="calls for each fault")
    parser.add_argument("--only", default="", help="measure only those whose name has this word")
    args = parser.parse_args()
    real_time.renounce()
    print("| fault | pause | bar |\n|---|---|---|", flush=True)
    is_met = True
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as name, site(Path(name), nodes=2) as running:
        for row in (row for row in (*ROWS, *people.ROWS) if args.only in row.name):
            outcomes = asyncio.run(measure(running, row, args.people, args.times))
            found = together(outcomes)
            print(line(row, found), flush=True)
            print(spread(found), file=sys.stderr, flush=True)
            is_met &= all(outcome.of_100(95) <= row.bar + found.lag and not outcome.fenced for outcome in outcomes)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
