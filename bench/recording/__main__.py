"""``python -m bench.recording``: prints what a recording costs; ends with 1 if it is over the bars."""

from __future__ import annotations

import sys

from bench.recording import film, tap

if __name__ == "__main__":
    sys.exit(max(tap.main(), film.main()))
