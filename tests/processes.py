"""What a process and all its descendants use, from /proc (proc(5))."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One process: its command line, what it did since its start, and its proportional set size in bytes.

    ``wakeups`` are its voluntary context switches: how often one of its threads waited and was woken.
    """

    pid: int
    command: str
    cpu_seconds: float
    wakeups: int
    pss_bytes: int


def tree(root: int) -> list[Process]:
    """``root`` and everything below it."""
    return [found for pid in below(root) if (found := _process(pid)) is not None]


def below(root: int) -> list[int]:
    """The ids of ``root`` and of everything below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int(_stat(int(entry.name))[1])
            except OSError:
                continue  # it ended meanwhile
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop(0)
        found.append(pid)
        waiting += sorted(children.get(pid, []))
    return found


def cpu_seconds(pid: int) -> float:
    """The CPU seconds of a process since its start."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the command, whose name may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _process(pid: int) -> Process | None:
    """None: it ended meanwhile."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        cpu, wakeups = cpu_seconds(pid), _wakeups(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return Process(pid, " ".join(words[:5]).strip(), cpu, wakeups, pss * 1024)


def _wakeups(pid: int) -> int:
    lines: list[str] = []
    for path in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            lines += path.read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches:"))
