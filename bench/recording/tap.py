"""The cost of writing a recording down, on the node; and what a disk that stands still does to the media."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARGV = ("cargo", "bench", "--locked", "--quiet", "-p", "sfu-driver", "--bench", "media", "--")
BAR = 0.01
"""Of a core, for a room of four."""
STILL_SECONDS = 10
"""How long the disk stands still; the windows before and after it are as long."""
P99_BAR = 2.0
"""Times the p99 of the windows beside it: shared cores are noisy, and media that waits would take seconds."""
DISK_BYTES = 256 << 20


def costs() -> bool:
    """Print the costs; whether a room of four is within the bar."""
    with tempfile.TemporaryDirectory(prefix="tertulia-tap-", dir=ROOT / "target") as directory:
        argv = (*ARGV, "recording", directory)
        done = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    cases = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    print("Windows with and without recording took turns. CPU of the media thread and of the thread that writes:")
    print(f"{'':<14}{'media, off':>12}{'media, on':>12}{'writer':>10}{'recording':>12}{'written':>14}{'lost':>8}")
    shares = [_cost(case) for case in cases]
    print(f"The bar is {BAR:.0%} of a core for the room of four.")
    return shares[0] <= BAR


def _cost(case: dict[str, Any]) -> float:
    seconds = case["seconds"]
    # The clients do not send exactly the same in each window.
    off = case["media_without"] * case["packets_in_with"] / case["packets_in_without"]
    share: float = (case["media_with"] - off + case["writer"]) / seconds
    cells = (off / seconds, case["media_with"] / seconds, case["writer"] / seconds, share)
    rate = f"{case['bytes'] / seconds / 1e6:.1f} MB/s"
    print(
        f"{case['case']:<14}" + "{:>12.2%}{:>12.2%}{:>10.2%}{:>12.2%}".format(*cells) + f"{rate:>14}{case['lost']:>8}"
    )
    return share


def still() -> bool:
    """Print how long packets take while the disk stands still, and beside that; whether they take as long."""
    with ExitStack() as stack:
        disk = stack.enter_context(_disk())
        if disk is None:
            print("not measured: a disk that stands still, since this machine allows no loop mounts here")
            return True
        process = subprocess.Popen(
            (*ARGV, "still", disk), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        stack.enter_context(process)
        _next(process)
        before = _window(process)
        _run("fsfreeze", "--freeze", disk)
        try:
            frozen = _window(process)
        finally:
            _run("fsfreeze", "--unfreeze", disk)
        after = _window(process)
    print(f"A room of four is recorded, and the disk stands still for {STILL_SECONDS} s (fsfreeze). Media, ms:")
    for name, window in (("before", before), ("meanwhile", frozen), ("after", after)):
        print(
            f"{name:<12} p50 {window['p50']:7.2f}  p99 {window['p99']:7.2f}   {window['packets']} packets, "
            f"oldest not written {window['delay']:.1f} s, {window['lost']} left out"
        )
    return bool(frozen["p99"] <= P99_BAR * max(before["p99"], after["p99"]))


@contextmanager
def _disk() -> Iterator[str | None]:
    """A file system of its own in a file, that may be frozen."""
    with tempfile.TemporaryDirectory(prefix="tertulia-disk-") as directory, ExitStack() as stack:
        image, mounted = Path(directory, "image"), Path(directory, "mounted")
        mounted.mkdir()
        with image.open("wb") as file:
            file.truncate(DISK_BYTES)
        try:
            _run("mkfs.ext4", "-q", str(image))
            _run("mount", "-o", "loop", str(image), str(mounted))
        except (OSError, subprocess.CalledProcessError):
            yield None
            return
        stack.callback(_run, "umount", str(mounted))
        yield str(mounted)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)


def _window(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdin is not None
    process.stdin.write(f"{STILL_SECONDS}\n")
    process.stdin.flush()
    return _next(process)


def _next(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            return answer
    raise RuntimeError("the bench of the driver has ended")


def main() -> int:
    """Print both; 1 if one of them is over its bar."""
    within = [costs(), still()]
    return 0 if all(within) else 1


if __name__ == "__main__":
    sys.exit(main())
