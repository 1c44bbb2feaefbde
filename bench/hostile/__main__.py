"""``python -m bench.hostile``: what attacks on a media node add to the delays of others' packets.

A room of four is in a call; somebody does their worst beside it. Ends with 1 if an attack adds more than the bar.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
ARGV: Final = ("cargo", "bench", "--locked", "--quiet", "-p", "sfu-driver", "--bench", "media", "--", "hostile")
BAR: Final = 5.0
"""Milliseconds that an attack may add to the p99 of the others' packets."""


def main() -> int:
    """Print a line for each attack."""
    done = subprocess.run(ARGV, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not rows:
        print(f"bench.hostile: {' '.join(ARGV)} ended with {done.returncode}", file=sys.stderr)
        return 1
    print("One-way delays of the others' video packets in ms; quiet windows and windows under attack took turns.")
    print(f"{'attack':<26}{'p50':>16}{'p99':>16}{'longest':>18}{'added p99':>12}")
    added = [_row(row) for row in rows]
    print(f"The bar is {BAR:g} ms.")
    return 0 if max(added) <= BAR else 1


def _row(row: dict[str, Any]) -> float:
    """Print one attack; what it adds to the p99."""
    pair = {name: "{:.2f} / {:.2f}".format(*row[name]) for name in ("p50", "p99", "max")}
    added: float = row["p99"][1] - row["p99"][0]
    print(f"{row['attack']:<26}{pair['p50']:>16}{pair['p99']:>16}{pair['max']:>18}{added:>12.2f}")
    return added


if __name__ == "__main__":
    sys.exit(main())
