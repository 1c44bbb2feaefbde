"""``scripts/test.py``: which steps run, in which order and beside which, and what is said of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import steps as listed
from scripts import test as runner
from scripts.steps import GROUPS, STEPS, Step
from scripts.test import OK, Result, chosen, run_all, startable

FINE = Result(OK)


def names(steps: list[Step]) -> list[str]:
    return [step.name for step in steps]


def python(name: str, code: str, needs: tuple[str, ...] = (), minutes: float = 1) -> Step:
    return Step(name, (sys.executable, "-c", code), minutes, needs)


def test_a_step_brings_what_it_needs() -> None:
    steps, lanes = chosen(["unit"])
    assert names(steps) == ["compile", "python packages", "build", "unit"]
    assert lanes == 1


def test_a_group_runs_in_lanes_and_every_need_is_in_the_list() -> None:
    for group in GROUPS:
        steps, lanes = chosen([group])
        assert lanes == 3
        assert {need for step in steps for need in step.needs} <= set(names(steps))
    assert names(chosen([])[0]) == names(chosen(["test"])[0])


def test_a_step_is_named_with_dashes() -> None:
    assert names(chosen(["page-unit"])[0]) == ["npm packages", "page unit"]


def test_an_unknown_step_is_answered_with_those_there_are() -> None:
    with pytest.raises(SystemExit, match="there is no step 'unti': .*cargo-test.*unit"):
        chosen(["unti"])


def test_what_starts_now() -> None:
    first, second, third = Step("first", ()), Step("second", ()), Step("third", ())
    after = Step("after", (), needs=("first",))
    apart, likewise = Step("apart", (), apart=True), Step("likewise", (), apart=True)
    one, other = Step("one", (), lock="cargo"), Step("other", (), lock="cargo")
    assert startable([first, second, third], [], {}, 2) == [first, second]
    assert startable([first, second], [], {}, 1) == [first]
    assert startable([third], [first, second], {}, 2) == []
    assert startable([after, second], [first], {}, 2) == [second]
    assert startable([after], [], {"first": FINE}, 2) == [after]
    assert startable([one, other, third], [], {}, 2) == [one, third]
    assert startable([apart, first, likewise], [], {}, 2) == [apart]
    assert startable([apart, second], [first], {}, 2) == [second]
    assert startable([first, likewise], [apart], {}, 2) == []


async def test_a_failed_step_fails_what_needs_it_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    steps = [
        python("bad", "print('so it goes'); raise SystemExit(3)"),
        python("after", "print('never')", ("bad",)),
        python("later", "print('never')", ("after",)),
        python("other", "print('fine')"),
        Step("missing", ("/nowhere/program",)),
        python("slow", "import time; time.sleep(60)", minutes=0.005),
    ]
    results = await run_all(steps, 2)
    outcomes = {name: result.outcome for name, result in results.items()}
    assert outcomes.pop("missing").startswith("FAILED: ")
    assert outcomes == {
        "bad": "FAILED with 3",
        "after": "FAILED: not run, since bad failed",
        "later": "FAILED: not run, since after failed",
        "other": OK,
        "slow": "FAILED: not done after 0.3 s",
    }
    out, _ = capfd.readouterr()
    assert "so it goes" in out.split("== bad, ")[1].split("==")[0]
    assert "never" not in out


def test_sigterm_ends_what_the_steps_have_started(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; sys.argv = ['test.py', 'unit']; from scripts import test as runner\n"
        "from scripts.steps import Step\n"
        f"runner.chosen = lambda words: ([Step('sleep', ('sh', '-c', 'echo $$ >{tmp_path}/pid; sleep 60'))], 1)\n"
        "asyncio.run(runner.main())"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=listed.ROOT, stderr=subprocess.DEVNULL)
    pid = tmp_path / "pid"
    deadline = time.monotonic() + 30
    while not (pid.exists() and pid.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_coverage_is_measured_only_where_it_counts() -> None:
    assert STEPS["unit"].measured[1:4] == ("-m", "coverage", "run")
    assert STEPS["chaos"].measured == STEPS["chaos"].argv
    assert runner.COVERAGE_DATA.name == "coverage"
