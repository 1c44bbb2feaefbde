"""For the PYTHONPATH of a process that holds its GIL for five seconds when it gets SIGUSR1."""  # noqa: INP001 - no package: it is on the path itself

import ctypes
import os
import signal


def _hold(*_: object) -> None:
    os.write(2, b"the GIL is held\n")
    ctypes.PyDLL(None).usleep(5_000_000)  # unlike CDLL, it does not let go of the GIL


signal.signal(signal.SIGUSR1, _hold)
