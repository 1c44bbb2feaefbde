"""What attacks by clients, anonymous ones and guests of the room, add to the delays of four in a call."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.hostile.attacker import ATTACKS
from bench.hostile.call import Call, Delays, call_of
from tests.integration import servers
from tests.integration.rest.conftest import Rest, started

WINDOW: Final = 1.5
ROUNDS: Final = 3
CALM: Final = 0.5
"""Seconds after an attack: what it has begun ends."""
GUESTS: Final = 20
LEAST: Final = 1
"""Hits that make an attack: see :attr:`bench.hostile.wire.Site.hits`."""
BARS: Final = (5.0, 50.0)
"""Milliseconds that an attack may add to the p99 of media and of signaling."""


class P99(NamedTuple):
    """Of the delays of media and of signaling, in ms."""

    media: float
    signaling: float

    @classmethod
    def of(cls, windows: list[Delays]) -> P99:
        """Of all these windows together."""
        return cls(_p99([w.media for w in windows]), _p99([w.signaling for w in windows]))


class Row(NamedTuple):
    """What an attack did. ``hits``: how often it reached the server."""

    attack: str
    hits: int
    quiet: P99
    loud: P99

    @property
    def added(self) -> P99:
        """By the attack."""
        return P99(self.loud.media - self.quiet.media, self.loud.signaling - self.quiet.signaling)

    def __str__(self) -> str:
        media, signaling = (f"{quiet:.2f} / {loud:.2f}" for quiet, loud in zip(self.quiet, self.loud, strict=True))
        added = self.added
        head = f"{self.attack:<22}{self.hits:>9}"
        return f"{head}{media:>18}{added.media:>10.2f}{signaling:>20}{added.signaling:>10.2f}"


@contextmanager
def _site(directory: Path) -> Iterator[Rest]:
    """A web worker with its limits, and an SFU node."""
    with servers.embedded_valkey(directory) as (_, redis):
        database = f"sqlite:///{directory / 'bench.db'}"
        with started(directory, redis, database, rate_limit="50", log_level="warning") as rest:
            node = {"TERTULIA_REDIS_URL": redis, "TERTULIA_SFU_BIND": "127.0.0.1", "TERTULIA_LOG_LEVEL": "warning"}
            argv = ("--sfu-advertise", "127.0.0.1")
            with servers.command(
                "sfu", directory, "sfu", *argv, settings={**node, "TERTULIA_DATA_DIR": str(directory)}
            ):
                yield rest


def _tickets(rest: Rest, room: str, count: int) -> list[dict[str, Any]]:
    users = [str(uuid.uuid4()) for _ in range(count)]
    return [{"roomId": room, "userId": user, "token": rest.token(room, user)} for user in users]


async def _measure(call: Call, attack: str, site: dict[str, Any]) -> Row:
    """Quiet windows and windows under attack take turns, so that other work on the machine is in both."""
    pipe = asyncio.subprocess.PIPE
    argv = (sys.executable, "-m", "bench.hostile.attacker", attack, json.dumps(site))
    attacker = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe)
    assert attacker.stdin is not None
    assert attacker.stdout is not None
    quiet: list[Delays] = []
    loud: list[Delays] = []
    hits: list[int] = []
    try:
        await attacker.stdout.readline()
        for _ in range(ROUNDS):
            quiet.append(await call.window(WINDOW))
            attacker.stdin.write(b"begin\n")
            loud.append(await call.window(WINDOW))
            attacker.stdin.write(b"end\n")
            hits.append(int(await attacker.stdout.readline() or 0))
            await call.settle()
            await asyncio.sleep(CALM)
    finally:
        attacker.stdin.close()
        status = await attacker.wait()
    if status:
        raise SystemExit(f"bench.hostile: {attack}: the attacker ended with {status}")
    return Row(attack, sum(hits), P99.of(quiet), P99.of(loud))


def _p99(delays: list[list[float]]) -> float:
    ordered = sorted(chain.from_iterable(delays))
    return ordered[len(ordered) * 99 // 100]


async def _all(rest: Rest, names: list[str]) -> list[Row]:
    room = rest.room()
    callers, guests = _tickets(rest, room, 4), _tickets(rest, room, GUESTS)
    url = rest.web.url.replace("http", "ws", 1) + "/ws"
    rows = []
    async with call_of(url, callers) as call:
        await call.window(WINDOW)
        for name in names:
            site = {
                "port": rest.web.port,
                "room": room,
                "tickets": [{"userId": g["userId"], "token": g["token"]} for g in guests],
                "victim": callers[0]["userId"],
                "sdp": call.offer,
            }
            rows.append(await _measure(call, name, site))
            print(rows[-1], flush=True)
    return rows


def run(names: list[str]) -> bool:
    """Print a line for each attack of these names (all: none); whether none adds more than the bars."""
    print(
        "Clients: p99 of the delays of the others' video packets, and of what the others say, in ms: quiet / attacked."
    )
    print(f"{'attack':<22}{'hits':>9}{'media':>18}{'added':>10}{'signaling':>20}{'added':>10}")
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as name, _site(Path(name)) as rest:
        rows = asyncio.run(_all(rest, names or list(ATTACKS)))
    print(f"The bars are {BARS[0]:g} and {BARS[1]:g} ms.")
    return is_met(rows)


def is_met(rows: list[Row]) -> bool:
    """Whether none adds more than the bars. Those that were no attacks are named, and measure nothing."""
    missed = [row.attack for row in rows if row.hits < LEAST]
    for attack in missed:
        print(f"{attack}: no attack, it did not reach the server")
    return not missed and all(added <= bar for row in rows for added, bar in zip(row.added, BARS, strict=True))
