"""``python -m bench.instructions``: prints the instructions of the SFU's core for a packet and for an idle session.

Callgrind (Debian's ``valgrind``) counts them, so other work on the machine changes nothing. It ends with 1 if there are
more than the bars allow: what the last measurement gave, and a fifth. It takes what was built for the extension, with
or without optimizing across crates, and has bars for both.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ("cargo", "rustc", "--release", "--locked", "--quiet", "-p", "sfu-py", "--bench", "instructions")
WITH_SYMBOLS = ("--", "-C", "strip=none")
"""What is counted is found by the name of its function."""
COUNT = ("valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*counted*")


@dataclass(frozen=True)
class Counted:
    """The instructions of a run, and how often what is meant was done."""

    instructions: int
    times: int

    def __sub__(self, less: Counted) -> Counted:
        return Counted(self.instructions - less.instructions, self.times - less.times)

    @property
    def each(self) -> float:
        return self.instructions / self.times


def main() -> int:
    program, bars = build(), BARS[os.environ.get("CARGO_PROFILE_RELEASE_LTO", "thin")]
    few, many = run(program, "forward", "1"), run(program, "forward", "9")
    rows = (
        ("a packet that a client sends", run(program, "inbound").each, bars.inbound),
        ("a packet that is forwarded to one more client", (many - few).each, bars.forwarded),
        ("a second of an idle session", run(program, "idle", "20").each, bars.idle),
    )
    for what, each, bar in rows:
        print(f"{each:10,.0f} of at most {bar:7,.0f} instructions for {what}")
    return int(any(each > bar for _, each, bar in rows))


@dataclass(frozen=True)
class Bars:
    """The most instructions that there may be. Feedback, reports and checks of the path are in them."""

    inbound: float
    forwarded: float
    idle: float


BARS = {
    "thin": Bars(inbound=14_500, forwarded=8_800, idle=25_200),
    "off": Bars(inbound=17_800, forwarded=10_700, idle=31_800),
}
"""By how the release profile optimizes across crates (``lto``): as in Cargo.toml, and as in continuous integration."""


def build() -> str:
    """Builds the program. Gives its path."""
    argv = (*BUILD, "--message-format=json", *WITH_SYMBOLS)
    done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    return str(next(message["executable"] for message in messages if message.get("executable")))


def run(program: str, *arguments: str) -> Counted:
    """Counts one run."""
    with tempfile.NamedTemporaryFile() as out:
        argv = (*COUNT, f"--callgrind-out-file={out.name}", program, *arguments)
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        lines = Path(out.name).read_text().splitlines()
    total = next(line for line in lines if line.startswith("totals:"))
    return Counted(int(total.split()[1]), int(done.stdout))


if __name__ == "__main__":
    sys.exit(main())
