"""The examples that Hypothesis makes up are the same in each run, and none is timed: a busy machine makes no test fail.
``make nightly`` has others each time."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("others", settings.get_profile("ci"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
