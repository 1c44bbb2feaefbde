"""How many cores' worth of time this process may use: its affinity, or the quota of a container, if that is less.

A process that has used up its quota stands still until the next period, and its own CPU time does not show it.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

_OCTAL: Final = re.compile(r"\\([0-7]{3})")


Group: TypeAlias = tuple[str, str]
"""A control group that can be seen: the kind of its hierarchy, and its directory."""


def cores() -> float:
    """As it is now: quotas may be changed while a process runs."""
    affinity = float(len(os.sched_getaffinity(0)))
    quota = quota_of(_own_groups(), _read)
    return affinity if quota is None else min(affinity, quota)


def groups_of(cgroups: str, mounts: str) -> list[Group]:
    """A process's control group and those around it. ``cgroups``, ``mounts``: the texts of ``/proc/self/cgroup``
    (cgroups(7)) and ``/proc/self/mountinfo``."""
    paths = _paths(cgroups)
    return [
        (kind, directory)
        for kind, root, mount in _hierarchies(mounts)
        if kind in paths
        for directory in _upwards(paths[kind], root, mount)
    ]


def quota_of(groups: Iterable[Group], read: Callable[[str], str | None]) -> float | None:
    """The least quota of control groups, in cores; None: they have none. ``read``: a file's text, None if it cannot be
    read."""
    quotas = [_quota(kind, directory, read) for kind, directory in groups]
    return min((quota for quota in quotas if quota is not None), default=None)


@functools.cache
def _own_groups() -> list[Group]:
    return groups_of(_read("/proc/self/cgroup") or "", _read("/proc/self/mountinfo") or "")


def _paths(cgroups: str) -> dict[str, str]:
    """Hierarchy → the path of the process in it: ``cgroup2``, or ``cgroup`` for CPU time in version 1."""
    paths = {}
    for line in cgroups.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            paths["cgroup2"] = path
        elif "cpu" in controllers.split(","):
            paths["cgroup"] = path
    return paths


def _hierarchies(mounts: str) -> Iterator[tuple[str, str, str]]:
    """The kind of each hierarchy that is mounted, what of it is, and where (proc_pid_mountinfo(5))."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, described = before.split(" "), after.split(" ")
        if len(fields) < 5 or len(described) < 3:
            continue
        kind, options = described[0], described[2].split(",")
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options):
            yield kind, _unescaped(fields[3]), _unescaped(fields[4])


def _unescaped(path: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), path)


def _upwards(path: str, root: str, mount: str) -> Iterator[str]:
    """The directories of a group and of those around it, as far as they can be seen. In a container the path may be
    one of the host's, and then its own group is where the hierarchy is mounted."""
    directory = PurePosixPath(mount)
    if ".." not in PurePosixPath(path).parts and PurePosixPath(path).is_relative_to(root):
        inner = PurePosixPath(path).relative_to(root)
        yield from (str(directory / part) for part in (inner, *inner.parents) if part.parts)
    yield str(directory)


def _quota(kind: str, directory: str, read: Callable[[str], str | None]) -> float | None:
    if kind == "cgroup2":
        words = (read(f"{directory}/cpu.max") or "").split()
    else:
        words = [read(f"{directory}/cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
    try:
        quota, period = map(int, words)
    except ValueError:  # "max": none; or there is no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        return None
