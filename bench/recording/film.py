"""The cost of a composite film: ours, and that of Debian's ffmpeg on the same job, each on one core."""

from __future__ import annotations

import heapq
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import msgspec
import numpy as np
from numpy.typing import NDArray

from tertulia.recorder.film.compose import compose
from tertulia.recorder.film.encode import ENCODERS
from tertulia.recorder.film.layout import Layout
from tertulia.recorder.raw.recording import Recording, Sample, Span, Track
from tests.integration.recorder import actors

SECONDS = 60
ENCODED_SECONDS = 10
PEOPLE = 4
WIDTH, HEIGHT = 640, 360
ROUNDS = 2
BAR = 4.0
"""Times real time."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds and seconds, of a film of ``SECONDS``."""

    cpu: float
    wall: float

    @property
    def speed(self) -> float:
        """Seconds of film a second of one core."""
        return SECONDS / self.cpu


def someone(seed: int) -> Callable[[float], actors.Picture]:
    """A camera: a still background with noise, and before it a head that moves."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(60, 200, (HEIGHT // 8, WIDTH // 8), np.uint8).repeat(8, 0).repeat(8, 1)
    noise = [rng.normal(0, 2, (HEIGHT, WIDTH)) for _ in range(8)]
    face = 40 * np.sin(np.arange(160) / 9)[:, None] * np.cos(np.arange(120) / 7)[None] + 150
    chroma = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)

    def picture(at: float) -> actors.Picture:
        luma = ground + noise[round(at * 30) % len(noise)]
        y, x = (round(100 + 30 * np.sin(at * 1.1 + seed)), round(260 + 60 * np.sin(at * 0.7 + seed)))
        luma[y : y + 160, x : x + 120] = face + 20 * np.sin(at * 6)
        return np.concatenate([luma.clip(16, 235).astype(np.uint8), chroma])

    return picture


def humming(seed: int) -> Callable[[NDArray[np.float64]], NDArray[np.float32]]:
    """A voice, as far as a codec is concerned: never silent, and not a tone."""
    second = np.random.default_rng(seed).normal(0, 0.1, 48_000).astype(np.float32)
    return lambda at: second[(at * 48_000).astype(int) % 48_000]


def recording(directory: Path) -> Recording:
    """Four people for ``SECONDS``; their media is also in files as ffmpeg takes it."""
    people = {f"Person {number}": [Span(0, SECONDS)] for number in range(PEOPLE)}
    tracks = []
    for number, name in enumerate(people):
        camera = repeated(actors.video(f"v/{number}", name, [Span(0, ENCODED_SECONDS)], someone(number)))
        voice = repeated(actors.audio(f"a/{number}", name, [Span(0, ENCODED_SECONDS)], humming(number)))
        tracks += [camera, voice]
        write_webm(directory / f"{number}.webm", camera, voice)
    return actors.recording(SECONDS, people, tracks)


def repeated(track: Track) -> Track:
    """Encoded once, kept in memory, and played again and again until the end."""
    samples = list(track.samples())

    def again() -> Iterator[Sample]:
        for begin in range(0, SECONDS, ENCODED_SECONDS):
            yield from (msgspec.structs.replace(sample, at=sample.at + begin) for sample in samples)

    return msgspec.structs.replace(track, spans=(Span(0, SECONDS),), read=again)


def write_webm(path: Path, camera: Track, voice: Track) -> None:
    with av.open(path, "w", format="webm") as file:
        video = file.add_mux_stream("vp8", Fraction(30), width=WIDTH, height=HEIGHT)
        audio = file.add_mux_stream("opus", 48_000)
        both = [(sample, video) for sample in camera.samples()], [(sample, audio) for sample in voice.samples()]
        for sample, stream in heapq.merge(*both, key=lambda pair: pair[0].at):
            packet = av.Packet(sample.data)
            packet.time_base, packet.pts = Fraction(1, 1000), round(sample.at * 1000)
            packet.dts, packet.stream, packet.is_keyframe = packet.pts, stream, sample.is_keyframe
            file.mux(packet)


def ours(directory: Path, made: Recording) -> Cost:
    """In a process of its own, on one core."""

    def film() -> None:
        compose(made, Layout.GRID, directory / "work", directory / "ours.mp4", lambda _: None)

    return _cost(film)


def ffmpegs(directory: Path) -> Cost:
    """Decoding, xstack, amix and the same encoders with the same options: what a script would do."""
    inputs = [word for number in range(PEOPLE) for word in ("-i", str(directory / f"{number}.webm"))]
    pictures, sounds = ("".join(f"[{n}:{kind}]" for n in range(PEOPLE)) for kind in "va")
    graph = f"{pictures}xstack=inputs={PEOPLE}:layout=0_0|w0_0|0_h0|w0_h0[v];{sounds}amix=inputs={PEOPLE}[a]"
    options = ENCODERS["libx264"]
    argv = ["ffmpeg", "-v", "error", "-y", *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "[a]"]
    argv += ["-c:v", "libx264", *(word for name in options for word in (f"-{name}", options[name])), "-g", "120"]
    argv += [
        "-threads",
        "1",
        "-filter_complex_threads",
        "1",
        "-c:a",
        "aac",
        "-aac_coder",
        "fast",
        "-b:a",
        "128k",
        str(directory / "ffmpeg.mp4"),
    ]
    return _cost(lambda: os.execvp(argv[0], argv))


def _cost(run: Callable[[], None]) -> Cost:
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            run()
            status = 0
        finally:
            os._exit(status)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"a film was not made: status {status}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - began)


def main() -> int:
    """Print both costs and their ratio; 1 if ours is below the bar."""
    with tempfile.TemporaryDirectory(prefix="tertulia-film-") as name:
        directory = Path(name)
        made = recording(directory)
        rounds = [(ours(directory, made), ffmpegs(directory)) for _ in range(ROUNDS) if _fresh(directory)]
        sizes = [(directory / f"{who}.mp4").stat().st_size for who in ("ours", "ffmpeg")]
    mine, theirs = (min(costs, key=lambda cost: cost.cpu) for costs in zip(*rounds, strict=True))
    print(f"A film of {PEOPLE} people, {WIDTH}x{HEIGHT} VP8 and Opus, {SECONDS} s, on one core; the best of {ROUNDS}:")
    for who, cost, size in zip(("Tertulia", "ffmpeg"), (mine, theirs), sizes, strict=True):
        print(f"{who:<10}{cost.cpu:6.1f} s of CPU {cost.speed:6.1f} x real time {size / 1e6:8.1f} MB")
    print(f"ratio     {mine.cpu / theirs.cpu:6.2f} of ffmpeg's CPU; the bar is {BAR:.0f} x real time")
    return int(mine.speed < BAR)


def _fresh(directory: Path) -> bool:
    shutil.rmtree(directory / "work", ignore_errors=True)
    return True
