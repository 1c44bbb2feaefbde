"""``python -m bench.faults``: calls with continuous media under faults, as the table in docs/operations.md.

Beside it, on standard error, how the pauses were spread. ``--people N`` are in each call, with a page in Chromium,
``--times N`` calls go through each fault; ``--only WORD`` measures those with it in their name. ``--long`` adds outages
as long as real ones, which take six minutes each time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.faults import people, table
from scripts import real_time
from tertulia import logging
from tertulia.state.connection import connect_redis
from tests.chaos.call import PEOPLE, Fault, Outcome, of_100, site_of_calls, under
from tests.chaos.media_faults import OUTAGES, QUICK, SLOW
from tests.chaos.site import Site


def together(outcomes: list[Outcome]) -> Outcome:
    """All calls under one fault as one."""
    return Outcome(
        sorted(pause for outcome in outcomes for pause in outcome.pauses),
        max(outcome.lag for outcome in outcomes),
        sorted(pause for outcome in outcomes for pause in outcome.in_page),
        max(outcome.page_lag for outcome in outcomes),
        sorted(wait for outcome in outcomes for wait in outcome.waits),
        [wrong for outcome in outcomes for wrong in outcome.wrong],
    )


def spread(found: Outcome) -> str:
    """What the table does not say."""
    shares = ((50, "median"), (95, "95 of 100"), (100, "longest"))
    pauses = ", ".join(f"{name} {of_100(found.pauses, share):.2f} s" for share, name in shares)
    return f"    {pauses}; of which the measuring up to {found.lag:.2f} s, in the page {found.page_lag:.2f} s"


def calls(running: Site, fault: Fault, count: int, times: int) -> bool:
    """So many calls under one fault; whether all of them meet the bars."""
    outcomes = [asyncio.run(under(fault, running, count)) for _ in range(times)]
    found = together(outcomes)
    print(*table.rows(fault, found), sep="\n", flush=True)
    print(spread(found), file=sys.stderr, flush=True)
    flaws = [flaw for outcome in outcomes for flaw in outcome.flaws(fault)]
    for flaw in flaws:
        print(f"    {flaw}", file=sys.stderr, flush=True)
    return not flaws


def waits(running: Site, row: people.Row, times: int) -> bool:
    """How long people wait, so many times; whether that meets the bar each time."""
    measured = [sorted(asyncio.run(_waits(running, row))) for _ in range(times)]
    found = sorted(wait for once in measured for wait in once)
    print(table.row(row.name, of_100(found, 95), None, row.bar), flush=True)
    return all(of_100(once, 95) <= row.bar for once in measured)


async def _waits(running: Site, row: people.Row) -> list[float]:
    redis = await connect_redis(running.redis_url)
    try:
        return await row.measure(running, redis)
    finally:
        await redis.close()


def main() -> int:
    """Print the table; 1: a bar is not met."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE, help="in each call, beside the page")
    parser.add_argument("--times", type=int, default=3, help="calls for each fault")
    parser.add_argument("--only", default="", help="measure only those whose name has this word")
    parser.add_argument("--long", action="store_true", help="outages as long as real ones, too")
    args = parser.parse_args()
    logging.configure("error")  # its own client of Redis would tell of each fault
    real_time.renounce()
    print(table.HEAD, flush=True)
    is_met = True
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as name, site_of_calls(Path(name)) as running:
        for fault in (*QUICK, *SLOW, *(OUTAGES if args.long else ())):
            if args.only in fault.name:
                is_met &= calls(running, fault, args.people, args.times)
        for row in people.ROWS:
            if args.only in row.name:
                is_met &= waits(running, row, args.times)
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
