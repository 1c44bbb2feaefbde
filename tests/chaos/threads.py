"""One thread of a process stands still, by ptrace(2): nothing else stops one alone."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
"""From linux/ptrace.h."""
WALL: Final = 0x4000_0000
"""From linux/wait.h: waits for threads, too."""

_libc: Final = ctypes.CDLL(None, use_errno=True)


def _media_threads(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # another thread may end meanwhile
            if re.fullmatch(r"sfu-\d+\s*", (task / "comm").read_text()):
                yield int(task.name)


@contextmanager
def media_thread_stopped(pid: int) -> Iterator[None]:
    """An SFU node's first media thread stands still until the end of the block."""
    thread = next(_media_threads(pid))
    for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
        if _libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    try:
        yield
    finally:
        if _libc.ptrace(PTRACE_DETACH, thread, None, None) != 0:
            os.waitpid(thread, WALL)  # the node has ended meanwhile, and cannot be gone before this thread is
