"""The supervisor with real child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tertulia.process import supervisor as supervisor_module
from tertulia.process.child import Child, ChildFailed
from tertulia.process.supervisor import LAST_DELAY, Supervisor
from tests.integration.servers import all_end

READY_THEN_SLEEP = "import os,signal,sys; print('pid', os.getpid(), flush=True); signal.pause()"
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
while True:
    signal.pause()
"""


TURNS = """
import asyncio, os
from tertulia.process import pulse
print("pid", os.getpid(), flush=True)
asyncio.run(pulse.show(os.environ))
"""


def python(name: str, code: str, *, stop_seconds: float = 10.0, still_seconds: float | None = None) -> Child:
    argv = (sys.executable, "-u", "-c", code)
    return Child(name=name, argv=argv, stop_seconds=stop_seconds, still_seconds=still_seconds)


class Output:
    """What the supervisor has written; ``line`` waits for the next one that holds a text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        self._read = 0

    def __call__(self, line: bytes) -> None:
        self.lines.append(line.decode())
        self._changed.set()

    async def line(self, text: str) -> str:
        async with asyncio.timeout(20):
            while True:
                while self._read < len(self.lines):
                    self._read += 1
                    if text in self.lines[self._read - 1]:
                        return self.lines[self._read - 1]
                self._changed.clear()
                await self._changed.wait()

    async def pid(self) -> int:
        return int((await self.line("pid ")).split()[-1])


async def test_output_is_forwarded_with_the_name_in_front() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.run(
            python("one", "import sys; print('a'); print('b', file=sys.stderr); sys.stdout.write('c')")
        )
    assert out.lines == ["one      | a", "one      | b", "one      | c"]


async def test_a_crashed_child_is_started_again() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("one", READY_THEN_SLEEP))
        first = await out.pid()
        os.kill(first, signal.SIGKILL)
        told = await out.line("starting it again")
        second = await out.pid()
    assert "one was ended by SIGKILL" in told
    assert second != first


async def test_a_child_that_ends_well_is_started_again_too() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("one", "print('hello')"))
        await out.line("hello")
        await out.line("one ended with status 0; starting it again")
        await out.line("hello")


async def test_wrong_use_is_not_tried_again() -> None:
    async with Supervisor(Output()) as supervisor:
        await supervisor.start(python("one", "raise SystemExit(2)"))
        with pytest.raises(ChildFailed, match="one could not start") as caught:
            await asyncio.wait_for(supervisor.until_stopped(), 20)
    assert caught.value.exit_status == 2


async def test_the_last_words_of_a_command_are_said_once() -> None:
    out = Output()
    words = "import sys; print('begins'); print('tertulia: there is no room', file=sys.stderr); sys.exit(int({status}))"
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("one", words.format(status=2)))
        with pytest.raises(ChildFailed) as caught:
            await asyncio.wait_for(supervisor.until_stopped(), 20)
    assert (str(caught.value), caught.value.exit_status) == ("one could not start: there is no room", 2)
    assert out.lines == ["one      | begins"]
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("two", words.format(status=1)))
        told = await out.line("starting it again")
    assert "two ended with status 1 (there is no room); starting it again" in told


@pytest.mark.parametrize("more", ["print('and so on')", "signal.pause()"])
async def test_words_that_are_not_the_last_are_shown(more: str) -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.start(
            python("one", f"import signal; print('tertulia: there is no room'); {more}; signal.pause()")
        )
        await out.line("one      | tertulia: there is no room")


async def test_the_last_words_of_a_child_that_ends_well_are_shown() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.run(python("one", "print('tertulia: there is no room')"))
    assert out.lines == ["one      | tertulia: there is no room"]


async def test_the_last_words_of_a_child_that_is_stopped_are_shown() -> None:
    out = Output()
    code = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("tertulia: there is no room")))
print("up")
signal.pause()
"""
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("one", code))
        await out.line("up")
    assert out.lines == ["one      | up", "one      | tertulia: there is no room"]


async def test_under_nohup_it_outlives_its_terminal() -> None:
    out = Output()

    async def is_restarted(pid: int) -> None:
        assert await out.pid() != pid

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        async with Supervisor(out) as supervisor:
            await supervisor.start(python("one", READY_THEN_SLEEP))
            first = await out.pid()
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(first, signal.SIGKILL)
            assert await supervisor.unless_stopped(is_restarted(first))
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_it_is_known_when_a_child_turns() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("slow", READY_THEN_SLEEP, still_seconds=60))
        await out.pid()
        turning = asyncio.create_task(supervisor.until_one_turns())
        await supervisor.start(python("web", TURNS, still_seconds=60))
        await asyncio.wait_for(turning, 20)


async def test_run_says_how_it_failed() -> None:
    async with Supervisor(Output()) as supervisor:
        with pytest.raises(ChildFailed, match="one ended with status 7") as caught:
            await supervisor.run(python("one", "raise SystemExit(7)"))
    assert caught.value.exit_status == 7


async def test_a_program_that_is_not_there_is_an_error() -> None:
    async with Supervisor(Output()) as supervisor:
        with pytest.raises(FileNotFoundError):
            await supervisor.start(Child(name="one", argv=("/nonexistent/program",)))


async def test_the_last_started_stops_first() -> None:
    out = Output()
    code = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(print('bye'))); print('up'); signal.pause()"
    async with Supervisor(out) as supervisor:
        for name in ("one", "two", "three"):
            await supervisor.start(python(name, code))
            await out.line("up")
    assert [line.split()[0] for line in out.lines if "bye" in line] == ["three", "two", "one"]


async def test_what_started_together_stops_together(tmp_path: Path) -> None:
    """Each says bye only when the other has been told to stop too: one after the other, the first would never end."""
    out = Output()
    code = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("up")
signal.sigwait([signal.SIGTERM])
os.open(sys.argv[1], int(sys.argv[2]))  # a named pipe: either end waits for the other
print("bye")
"""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    argvs = [(sys.executable, "-u", "-c", code, str(pipe), str(mode)) for mode in (os.O_RDONLY, os.O_WRONLY)]
    async with Supervisor(out) as supervisor:
        await supervisor.start(*[Child(name="one", argv=argv) for argv in argvs])
        await out.line("up")
        await out.line("up")
    assert sum("bye" in line for line in out.lines) == 2


async def test_a_child_that_does_not_listen_is_killed() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("one", DEAF, stop_seconds=0.2))
        await out.line("ready")
    assert "one did not end within 0.2 s and was killed" in out.lines[-1]


async def test_stopping_does_not_wait_for_a_child_that_waits_to_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "FIRST_DELAY", LAST_DELAY)
    out = Output()
    async with Supervisor(out) as supervisor:
        await supervisor.start(python("one", "raise SystemExit(1)"))
        await out.line("starting it again")
        start = time.monotonic()
    assert time.monotonic() - start < LAST_DELAY / 2


async def test_being_told_to_stop_interrupts_a_wait_and_ends_what_runs() -> None:
    out = Output()
    async with Supervisor(out) as supervisor:
        running = asyncio.create_task(supervisor.unless_stopped(supervisor.run(python("one", READY_THEN_SLEEP))))
        pidfd = os.pidfd_open(await out.pid())
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(running, 20) is False
    assert all_end([pidfd], deadline=0.1)


SCRIPT = textwrap.dedent(
    """
    import asyncio, os, sys
    from tertulia.process.child import Child
    from tertulia.process.supervisor import Supervisor

    LEAF = "import os,signal; print('pid', os.getpid(), flush=True); signal.pause()"

    async def main(depth):
        async with Supervisor() as supervisor:
            for name in ("one", "two"):
                leaf = (sys.executable, "-u", "-c", LEAF)
                tree = (sys.executable, "-u", __file__, str(depth - 1))
                await supervisor.start(Child(name=name, argv=tree if depth and name == "two" else leaf))
            print("pid", os.getpid(), flush=True)
            await supervisor.until_stopped()

    asyncio.run(main(int(sys.argv[1])))
    """
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_is_left_whatever_ends_the_supervisor(number: signal.Signals, tmp_path: Path) -> None:
    """A supervisor with a supervisor below: three leaves and two supervisors, all gone."""
    script = tmp_path / "tree.py"
    script.write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, str(script), "1"], stdout=subprocess.PIPE, env=env, text=True) as top:
        assert top.stdout is not None
        pids: set[int] = set()
        while len(pids) < 5:
            line = top.stdout.readline()
            assert line, "the supervisor ended"
            if "pid " in line:
                pids.add(int(line.split()[-1]))
        assert top.pid in pids
        pidfds = [os.pidfd_open(pid) for pid in pids]
        top.send_signal(number)
        assert all_end(pidfds, deadline=15)
        top.stdout.close()
    assert top.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)


async def test_a_child_that_stands_still_is_replaced() -> None:
    output = Output()
    async with Supervisor(output) as supervisor:
        await supervisor.start(python("web", TURNS, still_seconds=1.5))
        pid = await output.pid()
        await asyncio.sleep(2.5)  # it turns, and nothing happens
        assert len(output.lines) == 1
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        await output.line("stands still")
        assert time.monotonic() - began > 0.5
        assert await output.pid() != pid


async def test_a_child_that_has_not_turned_yet_is_given_time() -> None:
    output = Output()
    async with Supervisor(output) as supervisor:
        await supervisor.start(python("slow", READY_THEN_SLEEP, still_seconds=0.5))
        await output.pid()
        await asyncio.sleep(1.5)  # it would have been killed by now
        assert len(output.lines) == 1
