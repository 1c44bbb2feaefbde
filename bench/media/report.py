"""What is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.media.figures import BARS, DELAY_BAR, FLOORS, LOSS_BAR, Course, Run, found, median

_COLUMNS: Final = (
    "packets/s", "CPU µs", "of a core", "p50 ms", "p99 ms", "p99.9 ms", "lost", "forwarded", "kB each", "generator",
)  # fmt: skip
HEAD: Final = f"{'course':<8}{'load':>8} {'system':<14}" + "".join(f"{name:>11}" for name in _COLUMNS)
STEPS: Final = (
    f"Steps of load, until more than {LOSS_BAR:.1%} is lost, or a hundredth takes more than {DELAY_BAR / 1e3:.0f} ms:"
)


def row(run: Run) -> str:
    """One run in one line, whether it counts or not."""
    counted = run.counted
    cells = (
        f"{run.a_second:,.0f}",
        f"{run.cost:.2f}",
        f"{run.cpu / counted.seconds:.0%}",
        *(f"{delay / 1e3:.2f}" for delay in (counted.p50, counted.p99, counted.p999)),
        f"{run.loss:.3%}",
        f"{run.forwarded:.1%}",
        f"{run.bytes_each / 1e3:.0f}" if run.bytes_each else "",
        f"{run.generator:.0%}",
    )
    load = f"{run.load.frames}×{run.load.packets}" + ("e" if run.load.even else "")
    line = f"{run.course.name:<8}{load:>8} {run.system:<14}" + "".join(f"{cell:>11}" for cell in cells)
    if not run.counted.numbered and run.system not in FLOORS:
        line += "  without bandwidth estimation by transport-wide feedback"
    return f"{line}  thrown away: {run.flaw}" if run.flaw else line


def capacity(steps: Sequence[Run]) -> str:
    """The greatest load that was carried."""
    carried = [run for run in steps if run.is_within and not run.flaw]
    name = f"{steps[0].course.name} {steps[0].system}"
    if not carried:
        return f"{name}: not even the first step is within the bars"
    best = max(run.a_second for run in carried)
    at_least = "at least " if steps[-1].flaw or steps[-1] is carried[-1] else ""
    return f"{name}: capacity {at_least}{best:,.0f} packets/s"


def print_ratios(runs: Sequence[Run], names: Sequence[str], courses: Sequence[Course]) -> None:
    """The cost of each system in that of each other, by the medians of each course."""
    for course in courses:
        of = {name: median([run for run in runs if run.course == course and run.system == name]) for name in names}
        print(f"\n{course.name}: CPU µs of the row, as a multiple of the column's")
        print(f"{'':<14}{'CPU µs':>10}" + "".join(f"{name:>15}" for name in names))
        for name, run in of.items():
            if run is None:
                print(f"{name:<14}{'no run that counts':>20}")
                continue
            ratios = "".join(
                "" if other is None else f"{f'× {run.cost / other.cost:.2f}':>15}" for other in of.values()
            )
            print(f"{name:<14}{run.cost:>10.2f}{ratios}")


def print_bars(runs: Sequence[Run]) -> bool:
    """What Tertulia costs beside what it may. Gives whether all bars are met that were measured."""
    are_met = True
    print()
    for bar in BARS:
        multiple = found(bar, runs)
        if multiple is None:
            continue
        is_met = multiple <= bar.most
        are_met = are_met and is_met
        course = bar.course + (" evenly" if bar.even else "")
        verdict = "met" if is_met else "MISSED"
        print(f"{course}: × {multiple:.2f} of {bar.of}, at most × {bar.most:.2f}: {verdict}")
    return are_met
