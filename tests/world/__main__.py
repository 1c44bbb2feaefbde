"""Play the stories of many seeds, or one seed with everything that happens.

usage: python -m tests.world [--seeds N] [--first N] [--jobs N]
       python -m tests.world --seed N [--whole]
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time

from tests.world.run import Failure, run, run_seed, shortest
from tests.world.story import tell

SEEDS = 10_000


def main() -> int:
    """The exit status is 1 if an invariant was broken."""
    given = _arguments()
    if given.seed is not None:
        return play_one(given.seed, given.whole)
    return play_many(range(given.first, given.first + given.seeds), given.jobs)


def play_many(seeds: range, jobs: int) -> int:
    """Play them all, and print one failure of each kind in as few actions as possible."""
    start = time.monotonic()
    failures: dict[str, list[Failure]] = {}
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for failure in pool.imap(run_seed, seeds, chunksize=20):
            if failure is not None:
                failures.setdefault(failure.kind, []).append(failure)
    for found in failures.values():
        print_failure(found[0])
    counts = ", ".join(f"{len(found)} × {kind}" for kind, found in failures.items())
    print(f"{len(seeds)} seeds in {time.monotonic() - start:.1f} s: {counts or 'everything held'}")
    return 1 if failures else 0


def play_one(seed: int, whole: bool) -> int:
    """Play one seed; if it fails, its shortest story with everything that happens in it."""
    story = tell(seed)
    failure = run(story)
    if failure is not None and not whole:
        failure = shortest(failure)
        story = failure.story
    run(story, print)
    print("everything held" if failure is None else failure.text)
    return 0 if failure is None else 1


def print_failure(failure: Failure) -> None:
    """The seed, the shortest story and what is wrong at its end."""
    brief = shortest(failure)
    print(f"\nseed {failure.story.seed} (python -m tests.world --seed {failure.story.seed}): {brief.text}")
    for action in brief.story.actions:
        print(f"    {action}")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, help="play this one, with everything that happens")
    parser.add_argument("--whole", action="store_true", help="with --seed: do not shorten the story")
    return parser.parse_args()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of sets, too, is to be the same in every run
        os.execve(
            sys.executable, [sys.executable, "-m", "tests.world", *sys.argv[1:]], os.environ | {"PYTHONHASHSEED": "0"}
        )
    sys.exit(main())
