"""Who is in a course, what is sent, what was measured, and what follows from it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

GENERATOR_BAR: Final = 0.8
"""Of its core. What uses more delays packets by itself."""
LOSS_BAR: Final = 0.001
DELAY_BAR: Final = 20_000.0
"""Microseconds, of the 99th percentile: with more an SFU is over its capacity."""
FORWARDED_BAR: Final = 0.99
"""The share of what was sent. An SFU that withholds more does less work than the others."""

FLOORS: Final = {"floor-gso": "gso", "floor-single": "single"}
"""What is measured beside systems, and the mode of ``generator floor``."""


@dataclass(frozen=True)
class Load:
    """What each publisher sends: so many frames a second of so many packets, and 50 packets of audio."""

    frames: int
    packets: int
    even: bool = False
    """The packets of a frame spread over its time, rather than at once as they come from browsers."""


@dataclass(frozen=True)
class Course:
    """Rooms of so many people each, of whom the first ones publish to all others."""

    name: str
    rooms: int
    people: int
    publishers: int
    load: Load

    @property
    def evenly(self) -> Course:
        """The same with evenly spaced packets."""
        return replace(self, load=replace(self.load, even=True))

    @property
    def watchers(self) -> int:
        """People who receive."""
        return self.rooms * (self.people if self.publishers > 1 else self.people - self.publishers)


COURSES: Final = (
    Course("1→64", 1, 65, 1, Load(30, 4)),
    Course("1→256", 1, 257, 1, Load(15, 4)),
    Course("25×4", 25, 4, 4, Load(30, 2)),
)
SMOKE: Final = Course("1→8", 1, 9, 1, Load(30, 4))


@dataclass(frozen=True)
class Bar:
    """What a packet of Tertulia may cost at most, as a multiple of another system's in the same course."""

    course: str
    even: bool
    of: str
    most: float


BARS: Final = (
    Bar("1→256", False, "floor-gso", 1.5),
    Bar("1→256", True, "floor-single", 1.5),
    Bar("25×4", False, "floor-gso", 2.5),
    Bar("1→256", False, "livekit", 1 / 6),
    Bar("1→256", False, "janus", 1 / 5),
    Bar("25×4", False, "livekit", 1 / 3),
    Bar("25×4", False, "janus", 1 / 3),
)


@dataclass(frozen=True)
class Counted:
    """What the generator counted in one window; delays in µs."""

    seconds: float
    cpuSeconds: float  # noqa: N815 - as it comes
    sent: int
    delivered: int
    """Packets of media at all receivers, retransmissions and padding apart."""
    padding: int
    lost: int
    repairs: int
    """Packets on RTX streams: retransmissions and probes."""
    numbered: int
    """Packets with a number for transport-wide feedback. Without, the SFU does not estimate bandwidth by it."""
    overflow: int
    """Datagrams that the generator itself was too slow for."""
    keys: int
    sampled: int
    """Packets that were decrypted."""
    wrong: int
    """Those of them that are not what was sent."""
    p50: float
    p99: float
    p999: float


@dataclass(frozen=True)
class Run:
    """One window of a system in a course."""

    system: str
    course: Course
    load: Load
    counted: Counted
    cpu: float
    """Seconds of CPU of everything that belongs to the SFU."""
    bytes_each: float
    """Memory that each who receives has taken."""

    @property
    def cost(self) -> float:
        """CPU-µs a delivered packet."""
        return self.cpu * 1e6 / self.counted.delivered if self.counted.delivered else float("inf")

    @property
    def loss(self) -> float:
        """The share of numbers missing from the streams as they came, before repairs."""
        came = self.counted.delivered + self.counted.padding
        return self.counted.lost / (came + self.counted.lost) if came else 1.0

    @property
    def forwarded(self) -> float:
        """The share of what should have been delivered that was. The floor sends by itself, all of it."""
        expected = self.counted.sent * (self.course.people - 1)
        return self.counted.delivered / expected if expected else 1.0

    @property
    def a_second(self) -> float:
        """Packets delivered a second."""
        return self.counted.delivered / self.counted.seconds

    @property
    def generator(self) -> float:
        """The share of its core that the generator used."""
        return self.counted.cpuSeconds / self.counted.seconds

    @property
    def flaw(self) -> str:
        """Why it does not count; empty if it does."""
        if self.generator > GENERATOR_BAR:
            return f"the generator used {self.generator:.0%} of its core"
        if self.counted.overflow:
            return f"the generator was too slow for {self.counted.overflow} packets"
        return ""

    @property
    def is_within(self) -> bool:
        """Whether the SFU kept up."""
        return (
            self.loss < LOSS_BAR
            and 0.0 < self.counted.p99 < DELAY_BAR
            and self.forwarded >= FORWARDED_BAR
            and self.counted.sampled > 0
        )


def median(runs: Sequence[Run]) -> Run | None:
    """Of the runs that count, the one of median cost; of an even number the lower."""
    whole = sorted((run for run in runs if not run.flaw), key=lambda run: run.cost)
    if not whole:
        return None
    middle = statistics.median_low([run.cost for run in whole])
    return next(run for run in whole if run.cost == middle)


def found(bar: Bar, runs: Sequence[Run]) -> float | None:
    """The multiple that a bar is about; ``None``: it was not measured."""

    def cost(system: str) -> float | None:
        course = (bar.course, bar.even)
        run = median([run for run in runs if run.system == system and (run.course.name, run.load.even) == course])
        return None if run is None else run.cost

    ours, theirs = cost("tertulia"), cost(bar.of)
    return None if ours is None or theirs is None else ours / theirs


def is_whole(runs: Sequence[Run]) -> bool:
    """Whether every system has a run that counts in each of its courses."""
    counting = {(run.system, run.course) for run in runs if not run.flaw}
    return all((run.system, run.course) in counting for run in runs)
