"""What packets, and commands to the SFU, add to the delays of others' packets: the Rust bench ``hostile``."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Final

from bench import program

BAR: Final = 5.0
"""Milliseconds that an attack may add to the p99 of the others' packets."""


def run() -> bool:
    """Print a line for each attack; whether none adds more than the bar."""
    argv = (program.media(), "hostile")
    print("Packets: one-way delays of the others' video packets in ms, quiet / attacked, in windows that took turns.")
    print(f"{'attack':<30}{'p50':>16}{'p99':>16}{'longest':>18}{'added p99':>12}", flush=True)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        added = [_row(json.loads(line)) for line in running.stdout if line.startswith("{")]
    if running.returncode or not added:
        raise SystemExit(f"bench.hostile: {' '.join(argv)} ended with {running.returncode}")
    print(f"The bar is {BAR:g} ms.")
    return max(added) <= BAR


def _row(row: dict[str, Any]) -> float:
    """Print one attack; what it adds to the p99."""
    pair = {name: "{:.2f} / {:.2f}".format(*row[name]) for name in ("p50", "p99", "max")}
    added: float = row["p99"][1] - row["p99"][0]
    print(f"{row['attack']:<30}{pair['p50']:>16}{pair['p99']:>16}{pair['max']:>18}{added:>12.2f}", flush=True)
    return added
