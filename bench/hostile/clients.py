"""What attacks by clients, anonymous ones and guests of the room, add to the delays of four in a call."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
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
GUESTS: Final = 5
BARS: Final = (5.0, 50.0)
"""Milliseconds that an attack may add to the p99 of media and of signaling."""


class Row(NamedTuple):
    """What an attack did: the p99 of media and signaling, quiet and under attack, in ms."""

    attack: str
    media: tuple[float, float]
    signaling: tuple[float, float]

    @property
    def added(self) -> tuple[float, float]:
        """Of media and of signaling."""
        return self.media[1] - self.media[0], self.signaling[1] - self.signaling[0]

    def __str__(self) -> str:
        pairs = [f"{quiet:.2f} / {loud:.2f}" for quiet, loud in (self.media, self.signaling)]
        return f"{self.attack:<22}{pairs[0]:>18}{self.added[0]:>10.2f}{pairs[1]:>20}{self.added[1]:>10.2f}"


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
    quiet, loud = Delays([], []), Delays([], [])
    try:
        await attacker.stdout.readline()
        for _ in range(ROUNDS):
            _gather(quiet, await call.window(WINDOW))
            attacker.stdin.write(b"begin\n")
            _gather(loud, await call.window(WINDOW))
            attacker.stdin.write(b"end\n")
            await asyncio.sleep(CALM)
    finally:
        attacker.stdin.close()
        status = await attacker.wait()
    if status:
        raise SystemExit(f"bench.hostile: the attacker ended with {status}")
    return Row(attack, (_p99(quiet.media), _p99(loud.media)), (_p99(quiet.signaling), _p99(loud.signaling)))


def _gather(all_of: Delays, window: Delays) -> None:
    all_of.media.extend(window.media)
    all_of.signaling.extend(window.signaling)


def _p99(delays: list[float]) -> float:
    return sorted(delays)[len(delays) * 99 // 100]


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
    print(f"{'attack':<22}{'media':>18}{'added':>10}{'signaling':>20}{'added':>10}")
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as name, _site(Path(name)) as rest:
        rows = asyncio.run(_all(rest, names or list(ATTACKS)))
    print(f"The bars are {BARS[0]:g} and {BARS[1]:g} ms.")
    return all(added <= bar for row in rows for added, bar in zip(row.added, BARS, strict=True))
