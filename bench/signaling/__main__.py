"""``python -m bench.signaling``: what signaling costs, beside Node.js `ws` with the same logic in the same run."""

from __future__ import annotations

import sys

from bench.signaling.measure import main

if __name__ == "__main__":
    sys.exit(main())
