"""For the PYTHONPATH of a process whose clock is to be wrong by ``SKEW_SECONDS``."""  # noqa: INP001 - no package: it is on the path itself

import os
import time

_right, _by = time.time, float(os.environ["SKEW_SECONDS"])
time.time = lambda: _right() + _by
