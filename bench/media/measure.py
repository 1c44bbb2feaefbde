"""Runs: a system in a course, from its start to its end, each on its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.media.figures import FLOORS, FORWARDED_BAR, Course, Load, Run
from bench.media.generator import Generator, calling
from bench.media.namespaces import Namespaces
from bench.media.systems import SYSTEMS, System
from tests.integration import servers

IDLE: Final = 2.0
"""Seconds after the start, before its memory is taken."""
SETTLE: Final = 4.0
"""Seconds until bandwidth estimates have got used to a load, at the least."""
SETTLE_MORE: Final = 16
"""Seconds that they may take besides, as long as not everything is forwarded."""
STEPS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Packets of a frame."""
STEP_FRAMES: Final = 30
STEP_SECONDS: Final = 5.0


class Bench:
    """The namespaces and the generator's program."""

    def __init__(self, namespaces: Namespaces, program: Path) -> None:
        self._namespaces = namespaces
        self._program = program

    def cost(self, name: str, course: Course, seconds: float) -> Run:
        """What the system pays for the course's own load, over so many seconds."""
        if name in FLOORS:
            return self._floor(name, course, seconds)
        with self._running(name) as system:
            time.sleep(IDLE)
            before = system.memory()
            with self._calling(system, course) as generator:
                self._settle(generator, course, course.load)
                run = _window(name, system, generator, course, course.load, seconds)
                return replace(run, bytes_each=(system.memory() - before) / course.watchers)

    def steps(self, name: str, course: Course, even: bool) -> Iterator[Run]:
        """Growing loads, until one is too much for the system or for the generator: that run is the last."""
        with self._running(name) as system, self._calling(system, course) as generator:
            for packets in STEPS:
                load = Load(STEP_FRAMES, packets, even)
                self._settle(generator, course, load)
                run = _window(name, system, generator, course, load, STEP_SECONDS)
                yield run
                if run.flaw or not run.is_within:
                    return

    @contextmanager
    def _running(self, name: str) -> Iterator[System]:
        with (
            # Databases and logs: how fast a disk is has no part in what media costs.
            tempfile.TemporaryDirectory(prefix="bench-media-", dir="/dev/shm") as directory,
            SYSTEMS[name](self._namespaces, Path(directory)) as system,
        ):
            yield system

    def _calling(self, system: System, course: Course) -> AbstractContextManager[Generator]:
        return calling(self._program, self._namespaces, system.adapter, system.url, system.secrets, course)

    def _settle(self, generator: Generator, course: Course, load: Load) -> None:
        generator.send(load)
        time.sleep(SETTLE)
        for _ in range(SETTLE_MORE):
            generator.begin()
            time.sleep(1.0)
            counted = generator.end()
            if counted.delivered >= FORWARDED_BAR * counted.sent * (course.people - 1):
                return

    def _floor(self, name: str, course: Course, seconds: float) -> Run:
        receivers = System("floor", "", [])
        flags = {"mode": FLOORS[name], "rooms": course.rooms, "people": course.people, "publishers": course.publishers}
        flags |= {"frames": course.load.frames, "packets": course.load.packets}
        words = [f"-{flag}={value}" for flag, value in flags.items()] + (["-even"] if course.load.even else [])
        with tempfile.TemporaryDirectory(prefix="bench-media-") as directory, self._calling(receivers, course) as sinks:
            argv = self._namespaces.at_sfu(str(self._program), "floor", *words, *sinks.addresses)
            with servers.running("floor", argv, Path(directory)) as server:
                time.sleep(IDLE)
                if server.process.poll() is not None:
                    raise server.fail("ended")
                return _window(name, System("floor", "", [server.pid]), sinks, course, course.load, seconds)


def _window(name: str, system: System, generator: Generator, course: Course, load: Load, seconds: float) -> Run:
    generator.begin()
    before = system.cpu()
    time.sleep(seconds)
    cpu = system.cpu() - before
    counted = generator.end()
    if counted.wrong:
        raise SystemExit(f"{name} delivered {counted.wrong} packets (of {counted.sampled}) that are not what was sent")
    return Run(name, course, load, counted, cpu, 0.0)
