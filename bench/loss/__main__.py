"""``python -m bench.loss [seconds]``: what losses on the line do to a call between two Chromium pages through the SFU.

As root: one of the browsers is in a network namespace, behind a line that loses packets at random, in one direction.
"""

from __future__ import annotations

import asyncio
import sys

from bench.loss.measure import ROUND_TRIP, measure

SECONDS = 20.0
HEAD = ("direction", "loss", "freezes", "frozen", "frames/s", "missed", "recovered", "keyframes", "concealed")


async def _print(seconds: float) -> None:
    print(f"{seconds:.0f} s each, {ROUND_TRIP * 1000:.0f} ms of round trip; keyframes: asked for by the viewer\n")
    print("| " + " | ".join(HEAD) + " |")
    print("|---" * len(HEAD) + "|")
    async for result in measure(seconds):
        cells = (
            result.direction,
            f"{result.loss:.0%}",
            str(result.freezes),
            f"{result.frozen:.1%}",
            f"{result.frames:.1f}",
            f"{result.lost:.1%}",
            f"{result.recovered:.1%}",
            str(result.keyframe_requests),
            f"{result.concealed:.1%}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    asyncio.run(_print(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
