"""The Rust benches that others here drive: built before they are run, and said so, for it may take minutes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
WITHOUT_LTO: Final = ("--config", 'profile.bench.lto="off"')
"""Optimizing across crates takes minutes, and matters only to what measures the SFU's own speed."""


def media() -> str:
    """The path of the bench ``media`` of the crate ``sfu-driver``, which is built first if need be."""
    argv = ("cargo", "bench", "--locked", "-p", "sfu-driver", "--bench", "media", "--no-run", *WITHOUT_LTO)
    print(f"building, which may take minutes the first time: {' '.join(argv)}", file=sys.stderr, flush=True)
    quietly = (*argv, "--quiet", "--message-format=json")
    done = subprocess.run(quietly, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)} ended with {done.returncode}")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return str(next(message["executable"] for message in messages if message.get("executable")))
