"""What guests who send their worst offers add to the time in which others are answered: the Rust bench ``joining``."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

from bench import program

BAR: Final = 100.0
"""Milliseconds that the attack may add to the p99: the offer that is being read is finished first."""

TIMEOUT: Final = 600.0
"""Seconds."""


def run() -> bool:
    """Print a line; whether no more is added than the bar."""
    argv = (program.media(), "joining")
    print("Joins: from the offer of somebody who joins to the answer in ms, quiet / while 100 guests send their worst.")
    print(f"{'joins':<30}{'p50':>16}{'p99':>16}{'longest':>18}{'added p99':>12}", flush=True)
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False, timeout=TIMEOUT)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or len(rows) != 1:
        raise SystemExit(f"bench.hostile: {' '.join(argv)} ended with {done.returncode}")
    added = _row(rows[0])
    print(f"The bar is {BAR:g} ms.")
    return added <= BAR


def _row(row: dict[str, Any]) -> float:
    """Print the line; what is added to the p99."""
    pair = {name: "{:.2f} / {:.2f}".format(*row[name]) for name in ("p50", "p99", "max")}
    added: float = row["p99"][1] - row["p99"][0]
    counts = "{} / {}".format(*row["joins"])
    print(f"{counts:<30}{pair['p50']:>16}{pair['p99']:>16}{pair['max']:>18}{added:>12.2f}", flush=True)
    return added
