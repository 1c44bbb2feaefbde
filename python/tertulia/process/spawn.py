"""Child processes that cannot outlive the one that started them.

Linux only: it uses the parent-death signal of prctl(2). The kernel sends it when the *thread* that forked ends, so
children are spawned from the main thread.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final

PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Ask the kernel to send ``death_signal`` to the calling process when the thread that forked it ends.

    ``parent`` is the parent's process id, read before the fork. If the parent died before this request, no signal would
    ever come, so the caller exits at once. The request survives execve(2), but not a change of credentials.
    """
    if _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        os._exit(126)
    if os.getppid() != parent:
        os._exit(125)


def _before_exec(death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        die_with_parent(parent, death_signal)

    return prepare


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: int | IO[bytes] | None = None,
    user: str | None = None,
    keep: Sequence[int] = (),
    death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own, as a child that dies with the calling process.

    ``output`` (a file or a descriptor) receives stdout and stderr; None inherits them. The child also gets the
    descriptors ``keep``. Standard input is empty. With a
    session of its own, the child does not get a terminal's Ctrl-C: its parent stops it.

    Raises:
        RuntimeError: outside the main thread.
        OSError: ``argv[0]`` cannot be started.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("spawn children from the main thread: they die with the thread that started them")
    # preexec_fn: the child has to make the request itself, after the change of user and before execve.
    return subprocess.Popen(
        list(argv),
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        pass_fds=keep,
        start_new_session=True,
        preexec_fn=_before_exec(death_signal),  # noqa: PLW1509
    )
