"""Renounces real-time priorities, for this process and all that it starts.

libwebrtc in a test takes the highest one for its process where it may (as root); children inherit it, and what runs
beside starves.
"""

from __future__ import annotations

import ctypes
import os

CAP_SYS_NICE = 23
"""From linux/capability.h."""
_PR_CAPBSET_DROP = 24
_VERSION_3 = 0x20080522


def renounce() -> None:
    """Take CAP_SYS_NICE from the calling thread, from those that it starts, and from programs that they run. To be
    called before other threads exist. Who does not have it loses nothing (capabilities(7)).

    Raises:
        OSError: the kernel does not let go of it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_CAPBSET_DROP, CAP_SYS_NICE)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable of the first 32, then of the others
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    for which in range(3):
        sets[which] &= ~(1 << CAP_SYS_NICE)
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
