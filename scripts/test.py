"""Runs the steps that prove Tertulia, each with a deadline, and ends with a summary. ``make`` calls it.

usage: test.py [check | test | integration | coverage | bench | nightly | <name of a step> …]

A step that is asked for brings the steps that it needs. Of a group, independent steps run three at a time; the output
of each is printed in one piece when it ends. Every step is run, also after another failed, unless it needed that one.
The exit status is 1 if any failed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import real_time
from scripts.steps import GROUPS, ROOT, STEPS, Step

COVERAGE_DATA = ROOT / ".build/coverage"
OK = "ok"
LANES = 3
"""How many steps of a group run at a time: one more than the cores of a small machine, since tests wait much."""


@dataclass(frozen=True)
class Result:
    """How a step ended: ``ok`` or what went wrong, after how many seconds."""

    outcome: str
    seconds: float = 0.0


def with_needs(names: Sequence[str]) -> list[Step]:
    """The steps of these names and all that they need, in the order of the list of steps."""
    wanted: set[str] = set()
    todo = list(names)
    while todo:
        step = STEPS[todo.pop()]
        if step.name not in wanted:
            wanted.add(step.name)
            todo += step.needs
    return [step for step in STEPS.values() if step.name in wanted]


def chosen(words: Sequence[str]) -> tuple[list[Step], int]:
    """The steps that ``words`` ask for (all of the tests without words), and how many may run at the same time."""
    names: list[str] = []
    for word in words or ["test"]:
        if word in GROUPS:
            names += [step.name for step in GROUPS[word]]
        elif word.replace("-", " ") in STEPS:
            names.append(word.replace("-", " "))
        else:
            known = [*GROUPS, *(name.replace(" ", "-") for name in STEPS)]
            sys.exit(f"there is no step {word!r}: {', '.join(known)}")
    grouped = any(word in GROUPS for word in words or ["test"])
    return with_needs(names), LANES if grouped else 1


def startable(
    waiting: Sequence[Step], running: Collection[Step], results: Mapping[str, Result], lanes: int
) -> list[Step]:
    """Which of the waiting steps start now, beside those that run."""
    now = list(running)
    for step in waiting:
        free = not now or (len(now) < lanes and not any(one.apart for one in (step, *now)))
        if (
            free
            and all(need in results for need in step.needs)
            and not (step.lock and any(step.lock == other.lock for other in now))
        ):
            now.append(step)
    return now[len(running) :]


async def run(step: Step, *, measured: bool, live: bool) -> Result:
    """Run one step. Its output goes to ours while it runs (``live``), or in one piece at its end."""
    argv = step.measured if measured else step.argv
    print(f"\n== {step.name}: {' '.join(argv)}", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryFile() as kept:
        outcome = await _outcome(argv, step.minutes, None if live else kept.fileno())
        seconds = time.monotonic() - start
        if not live:
            kept.seek(0)
            print(f"\n== {step.name}, {seconds:.0f} s: {outcome}", flush=True)
            shutil.copyfileobj(kept, sys.stdout.buffer)
            sys.stdout.flush()
    return Result(outcome, seconds)


async def _outcome(argv: Sequence[str], minutes: float, output: int | None) -> str:
    errors = None if output is None else asyncio.subprocess.STDOUT
    try:
        # A session of its own, so that what a hanging step has started ends with it.
        process = await asyncio.create_subprocess_exec(
            *argv, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
    except OSError as error:
        return f"FAILED: {error}"
    try:
        status = await asyncio.wait_for(process.wait(), minutes * 60)
    except TimeoutError:
        return f"FAILED: not done after {_time(minutes * 60)}"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return OK if status == 0 else f"FAILED with {status}"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.1f} s"


async def run_all(steps: Sequence[Step], lanes: int) -> dict[str, Result]:
    """Run the steps, ``lanes`` at a time; their results in the order in which they ended."""
    measured = any(step.name == "coverage" for step in steps)
    if measured:
        shutil.rmtree(COVERAGE_DATA, ignore_errors=True)
    results: dict[str, Result] = {}
    waiting = list(steps)
    running: dict[asyncio.Task[Result], Step] = {}
    while waiting or running:
        for step in list(waiting):
            failed = [need for need in step.needs if need in results and results[need].outcome != OK]
            if failed:
                waiting.remove(step)
                results[step.name] = Result(f"FAILED: not run, since {' and '.join(failed)} failed")
        for step in startable(waiting, running.values(), results, lanes):
            waiting.remove(step)
            live = lanes == 1 or step.apart
            running[asyncio.create_task(run(step, measured=measured, live=live))] = step
        if running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            results |= {running.pop(task).name: task.result() for task in done}
    return results


async def main() -> int:
    """Run, sum up, and give the exit status."""
    steps, lanes = chosen(sys.argv[1:])
    real_time.renounce()
    start = time.monotonic()
    task = asyncio.create_task(run_all(steps, lanes))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    results = await task
    print("\n== summary")
    for name, result in results.items():
        print(f"{name:<18} {result.seconds:7.1f} s  {result.outcome}")
    failed = sum(result.outcome != OK for result in results.values())
    print(f"{len(results)} steps in {(time.monotonic() - start) / 60:.1f} min, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except asyncio.CancelledError:
        sys.exit(143)
    except KeyboardInterrupt:
        sys.exit(130)
