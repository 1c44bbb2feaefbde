"""The bench of media measures: its generator's own tests, and a few seconds of Tertulia. It needs root and Go."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from bench.media import generator
from bench.media.figures import SMOKE, Run
from bench.media.measure import Bench
from bench.media.namespaces import Namespaces

ATTEMPTS: Final = 4
"""A run does not count in which the generator was short of CPU, as it is beside other work."""


def test_the_generator() -> None:
    for verb in ("vet", "test"):
        subprocess.run(["go", verb, "./..."], cwd=generator.SOURCE, check=True, timeout=generator.BUILD_SECONDS)


def test_a_few_seconds_of_tertulia(tmp_path: Path) -> None:
    with Namespaces(sfu_core=0, people_core=1) as namespaces:
        bench = Bench(namespaces, generator.build(tmp_path))
        run = _measured(bench, "tertulia")
        floor = _measured(bench, "floor-gso")
    # The bounds of the window are not those of a frame, and other work on the machine may take a few frames' time.
    assert run.loss < 0.01
    assert 0.9 < run.forwarded < 1.1
    # Of 170 packets a second to each of 8, one in 29 is decrypted.
    assert run.counted.sampled > 100
    assert run.counted.wrong == 0
    assert run.counted.numbered >= run.counted.delivered  # bandwidth is estimated
    assert 0.0 < run.counted.p50 <= run.counted.p99 <= run.counted.p999
    assert run.counted.keys == 0 or run.loss > 0.0  # nobody asked for a keyframe in vain
    assert 0.0 < floor.cost < run.cost


def _measured(bench: Bench, name: str) -> Run:
    flaws = []
    for _ in range(ATTEMPTS):
        run = bench.cost(name, SMOKE, seconds=3.0)
        if not run.flaw:
            return run
        flaws.append(run.flaw)
    raise AssertionError(f"no run of {name} counts: {flaws}")
