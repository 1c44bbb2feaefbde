"""``python -m bench.media``: what an SFU pays to deliver a packet, beside its peers and beside the kernel alone.

As root, with Go. By default Tertulia and the floor; ``--systems`` names others. docs/operations.md says what it prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.media import generator, report
from bench.media.figures import COURSES, FLOORS, SMOKE, Course, Run, is_whole
from bench.media.measure import Bench
from bench.media.namespaces import Namespaces
from bench.media.systems import SYSTEMS

ALL: Final = {course.name: course for course in (*COURSES, SMOKE)}


def main() -> int:
    given = _arguments()
    courses = [ALL[name] for name in given.courses]
    if given.even:
        courses = [course.evenly for course in courses]
    names = [*FLOORS, *given.systems]
    runs: list[Run] = []
    with (
        tempfile.TemporaryDirectory(prefix="bench-media-") as directory,
        Namespaces(given.sfu_core, given.generator_core) as namespaces,
    ):
        os.sched_setaffinity(0, {given.generator_core})
        bench = Bench(namespaces, generator.build(Path(directory)))
        print(report.HEAD, flush=True)
        for _ in range(given.rounds):
            for course in courses:
                for name in names:
                    runs.append(bench.cost(name, course, given.seconds))
                    print(report.row(runs[-1]), flush=True)
        if given.capacity:
            _capacities(bench, given.systems, courses, given.even)
    report.print_ratios(runs, names, courses)
    are_met = report.print_bars(runs)
    return int(not (are_met and is_whole(runs)))


def _capacities(bench: Bench, names: Sequence[str], courses: Sequence[Course], even: bool) -> None:
    print(f"\n{report.STEPS}\n{report.HEAD}", flush=True)
    for course in courses:
        for name in names:
            steps: list[Run] = []
            for run in bench.steps(name, course, even):
                steps.append(run)
                print(report.row(run), flush=True)
            print(report.capacity(steps), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.media", description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=["tertulia"])
    parser.add_argument("--courses", nargs="+", choices=ALL, default=[course.name for course in COURSES])
    parser.add_argument("--rounds", type=int, default=2, help="each has every system in every course, in turn")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a measurement")
    parser.add_argument("--even", action="store_true", help="packets evenly spaced, not in frames")
    parser.add_argument("--capacity", action="store_true", help="steps of growing load, too")
    parser.add_argument("--sfu-core", type=int, default=0)
    parser.add_argument("--generator-core", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
