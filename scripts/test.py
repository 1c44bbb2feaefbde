"""Runs the steps that prove Tertulia, each with a deadline, and ends with a summary. ``make`` calls it.

usage: test.py [check | test | bench | <name of a step> …]

Every step is run, also after one failed; the exit status is 1 if any did.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ".venv/bin/"
PYTEST = (BIN + "python", "-m", "pytest", "-q", "--durations=5", "--tb=short", "-rfE")


@dataclass(frozen=True)
class Step:
    """One command. ``minutes`` is several times what it takes on two cores: past that it hangs."""

    name: str
    argv: tuple[str, ...]
    minutes: float = 5


INSTALL = (
    Step("python packages", ("make", "-s", ".venv/tested"), 8),
    Step("npm packages", ("make", "-s", "npm"), 5),
    Step("build", ("make", "-s", ".venv/installed"), 12),
)
CHECK = (
    Step("rustfmt", ("cargo", "fmt", "--all", "--check")),
    Step("clippy", ("cargo", "clippy", "--workspace", "--all-targets", "--locked", "-q", "--", "-D", "warnings"), 10),
    Step("ruff", (BIN + "ruff", "check", "--quiet", ".")),
    Step("ruff format", (BIN + "ruff", "format", "--check", "--quiet", ".")),
    Step("mypy", (BIN + "mypy",)),
    Step("stubs", (BIN + "stubtest", "--mypy-config-file", "pyproject.toml", "tertulia.sfu._sfu")),
    Step("imports", (BIN + "lint-imports",)),
    Step("tsc", ("node_modules/.bin/tsc", "--project", ".")),
)
TEST = (
    Step("cargo test", ("cargo", "test", "--workspace", "--locked", "-q"), 12),
    Step("unit", (*PYTEST, "tests/unit"), 5),
    Step("world", (BIN + "python", "-m", "tests.world"), 5),
    Step("page unit", ("npm", "test", "--silent"), 3),
    Step("integration", (*PYTEST, "tests/integration"), 20),
    Step("chaos", (*PYTEST, "tests/chaos"), 8),
    Step("browser", (*PYTEST, "tests/browser"), 10),
)
BENCH = tuple(
    Step(f"bench {path.parent.name}", (BIN + "python", "-m", f"bench.{path.parent.name}"), 10)
    for path in sorted(ROOT.glob("bench/*/__main__.py"))
)
GROUPS = {"check": CHECK, "test": INSTALL + CHECK + TEST, "bench": BENCH}


def run(step: Step) -> tuple[str, float]:
    """The outcome of a step, and its seconds."""
    print(f"\n== {step.name}: {' '.join(step.argv)}", flush=True)
    start = time.monotonic()
    try:
        # A session of its own, so that what a hanging step has started ends with it.
        process = subprocess.Popen(step.argv, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        return f"FAILED: {error}", time.monotonic() - start
    try:
        status = process.wait(step.minutes * 60)
        outcome = "ok" if status == 0 else f"FAILED with {status}"
    except subprocess.TimeoutExpired:
        outcome = f"FAILED: not done after {step.minutes:.0f} min"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return outcome, time.monotonic() - start


def chosen(words: list[str]) -> list[Step]:
    """The steps that ``words`` name, in order; all of the tests without words."""
    steps: dict[str, Step] = {step.name.replace(" ", "-"): step for group in (*GROUPS.values(),) for step in group}
    picked: list[Step] = []
    for word in words or ["test"]:
        if word in GROUPS:
            picked += GROUPS[word]
        elif word in steps:
            picked.append(steps[word])
        else:
            sys.exit(f"there is no step {word!r}: {', '.join([*GROUPS, *steps])}")
    return picked


def main() -> int:
    """Run, sum up, and give the exit status."""
    steps = chosen(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = [(step, *run(step)) for step in steps]
    print("\n== summary")
    for step, outcome, seconds in results:
        print(f"{step.name:<18} {seconds:7.1f} s  {outcome}")
    failed = sum(outcome != "ok" for _, outcome, _ in results)
    print(f"{len(results)} steps in {sum(s for *_, s in results) / 60:.1f} min, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
