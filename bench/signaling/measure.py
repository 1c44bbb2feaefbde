"""CPU a message, latency, memory a connection, and what a reader that stands still does to the others."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from bench.signaling import flood, load
from bench.signaling.load import Room
from bench.signaling.servers import Contestant, node_ws, tertulia, tickets
from bench.signaling.wire import DIALECTS, Dialect

CHAT = "Good morning, everybody; shall we begin?"
OFFER = "v=0\r\n" + "a=candidate:1 1 udp 2130706431 192.0.2.1 40000 typ host\r\n" * 105
"""6 KB."""
ROUNDS = 5
"""Slices of each measurement; the servers take turns, and the median counts: other load on the machine hits both."""


@dataclass(frozen=True)
class Case:
    name: str
    people: int
    rooms: int
    calls: int
    """In each room, in each slice."""
    targeted: bool = False

    def call(self, other: str) -> tuple[str, dict[str, str]]:
        """What a member says; ``other``: to whom, if to one."""
        if self.targeted:
            return "SendOffer", {"targetUserId": other, "sdp": OFFER}
        return "SendChat", {"text": CHAT}

    @property
    def expected(self) -> int:
        """Frames that follow from it."""
        return 1 + (1 if self.targeted else self.people)


TARGETED = Case("6 KB offer to one", 10, 20, 200, targeted=True)
BROADCAST_10 = Case("broadcast in a room of 10", 10, 20, 200)
BROADCAST_100 = Case("broadcast in a room of 100", 100, 3, 200)
CASES = (TARGETED, BROADCAST_10, BROADCAST_100)
BARS = {TARGETED.name: 0.5, BROADCAST_10.name: 0.5}
"""Of Node's CPU time."""
IDLE = 10_000
IDLE_BAR = 15_000
"""Bytes a connection."""


def prepare(case: Case, room: Room) -> None:
    """What is said in the room."""
    others = [*room.members[1:], room.members[0]]
    for member, other in zip(room.members, others, strict=True):
        room.frames[member] = member.dialect.call(*case.call(other.user))
    room.expected = case.expected


def cpu(
    case: Case, dialect: Dialect, people: list[list[dict[str, Any]]], servers: Sequence[Contestant]
) -> dict[str, float]:
    """CPU-µs of each server for each call and all that follows from it, as busy as it can be."""
    floods = {}
    for server in servers:
        rooms = [flood.Room(server.port, dialect, room) for room in people]
        for room in rooms:
            for member, other in zip(room.members, [*room.members[1:], room.members[0]], strict=True):
                member.call = dialect.framed(*case.call(other.user))
        floods[server] = flood.Flood(rooms)
        floods[server].measure()
    costs: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(ROUNDS):
        for server in servers:
            before = server.cpu_seconds()
            floods[server].run(case.calls)
            costs[server.name].append((server.cpu_seconds() - before) / (case.calls * case.rooms) * 1e6)
    for one in floods.values():
        one.close()
    return {name: statistics.median(values) for name, values in costs.items()}


async def latency(rooms: list[Room], cost: float) -> tuple[float, float]:
    """p50 and p99 in ms from a call to each frame that follows from it, at half the load that the CPU cost allows."""
    rate = 0.5e6 / cost / len(rooms)
    for room in rooms:
        room.latencies = []
    calls = max(20, int(min(rate, 100) * 2))
    await asyncio.gather(*(room.run_at(min(rate, 100), calls, i / len(rooms)) for i, room in enumerate(rooms)))
    taken = sorted(t for room in rooms for t in room.latencies or ())
    for room in rooms:
        room.latencies = None
    return taken[len(taken) // 2] * 1e3, taken[len(taken) * 99 // 100] * 1e3


async def idle(server: Contestant, dialect: Dialect) -> float:
    """Bytes of the server's memory for each connection that says nothing."""
    warm = [await load.member(server.port, dialect) for _ in range(500)]
    before = server.resident_bytes()
    made: list[Any] = []
    for _ in range(IDLE // 100):
        made += await asyncio.gather(*(load.member(server.port, dialect) for _ in range(100)))
    used = (server.resident_bytes() - before) / len(made)
    for one in (*warm, *made):
        one.ws.underlying_transport.abort()
    await asyncio.gather(*(one.gone for one in (*warm, *made)))
    return used


async def stalled(server: Contestant, dialect: Dialect) -> tuple[float, float, int]:
    """p99 in ms of the others in a room of ten before one stops reading and after, and that one's close code."""
    (people,) = await tickets(server.port, 11, 1)
    room = await load.room(server.port, dialect, people)
    *readers, sleeper = room.members
    quick = Room(readers)
    for one in readers:
        one.room = quick
    quick.frames = {one: dialect.call("SendChat", {"text": "x" * 4000}) for one in readers}
    quick.expected = len(readers) + 1
    quick.latencies = []
    await quick.run_at(200, 200, 0)
    before = sorted(quick.latencies)
    sleeper.ws.underlying_transport.pause_reading()  # type: ignore[union-attr]
    quick.latencies = []
    await quick.run_at(400, 2000, 0)
    after = sorted(quick.latencies)
    sleeper.ws.underlying_transport.resume_reading()  # type: ignore[union-attr]
    await asyncio.wait_for(sleeper.gone, load.PATIENCE)
    return before[len(before) * 99 // 100] * 1e3, after[len(after) * 99 // 100] * 1e3, sleeper.close_code


async def compare_case(case: Case, dialect: Dialect, ours: Contestant, theirs: Contestant) -> bool:
    """One line; False if its bar is missed."""
    people = await tickets(ours.port, case.people, case.rooms)
    costs = cpu(case, dialect, people, (ours, theirs))
    row = []
    for server in (ours, theirs):
        rooms = [await load.room(server.port, dialect, room) for room in people]
        for room in rooms:
            prepare(case, room)
        p50, p99 = await latency(rooms, costs[server.name])
        row.append(f"{server.name} {costs[server.name]:8.1f} µs  {p50:6.2f} / {p99:6.2f} ms")
        for room in rooms:
            for one in room.members:
                one.ws.underlying_transport.abort()  # type: ignore[union-attr]
    ratio = costs[ours.name] / costs[theirs.name]
    bar = BARS.get(case.name)
    missed = bar is not None and ratio > bar
    verdict = "" if bar is None else f"  (bar: {bar}{', MISSED' if missed else ''})"
    print(f"  {dialect.name:20} {'   '.join(row)}   ×{ratio:.2f}{verdict}", flush=True)
    return not missed


async def compare(ours: Contestant, theirs: Contestant) -> bool:
    """Print it all; False if a bar is missed."""
    good = True
    for case in CASES:
        print(f"\n{case.name}: server CPU-µs each when busy (×: of Node ws's), p50 / p99 ms at half load")
        for dialect in DIALECTS:
            good = await compare_case(case, dialect, ours, theirs) and good
    print("\na reader that stands still in a room of 11: p99 ms of the others before and after, how it is closed")
    for dialect in DIALECTS:
        before, after, code = await stalled(ours, dialect)
        print(f"  {dialect.name:20} {before:8.2f} {after:8.2f}   {code or 'reset'}", flush=True)
    return good


def main() -> int:
    """The exit status is 1 if a bar is missed."""
    with (
        tempfile.TemporaryDirectory(prefix="tertulia-bench-") as name,
        tertulia(Path(name)) as ours,
        node_ws() as theirs,
    ):
        good = uvloop.run(compare(ours, theirs))
    print(f"\nmemory of a connection that says nothing, {IDLE} of them in a fresh process (bar: {IDLE_BAR} bytes)")
    for dialect in DIALECTS:
        with tempfile.TemporaryDirectory(prefix="tertulia-bench-") as name, tertulia(Path(name)) as ours:
            used = uvloop.run(idle(ours, dialect))
        with node_ws() as theirs:
            nodes = uvloop.run(idle(theirs, dialect))
        good = good and used <= IDLE_BAR
        verdict = "  MISSED" if used > IDLE_BAR else ""
        print(f"  {dialect.name:20} tertulia {used:8.0f}   node ws {nodes:8.0f}{verdict}", flush=True)
    return 0 if good else 1
