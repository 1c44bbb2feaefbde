"""The program that is all people of a course (``generator/``, Go): built, started, told what to do."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from bench.media.figures import Counted, Course, Load
from bench.media.namespaces import PEOPLE, Namespaces

SOURCE: Final = Path(__file__).parent / "generator"
BUILD_SECONDS: Final = 900.0
PATIENCE: Final = 180.0
"""Seconds: until hundreds have joined, on a busy core."""


def build(directory: Path) -> Path:
    """Compile it; Go fetches the modules of ``go.sum`` by its proxy. The program."""
    program = directory / "generator"
    try:
        subprocess.run(["go", "build", "-o", program, "."], cwd=SOURCE, check=True, timeout=BUILD_SECONDS)
    except FileNotFoundError:
        raise SystemExit("bench.media needs Go 1.24 or later: https://go.dev/doc/install") from None
    return program


class Generator:
    """The running program, after everyone has joined."""

    def __init__(self, process: subprocess.Popen[str], complaints: Path) -> None:
        self._process = process
        self._complaints = complaints
        self.addresses: list[str] = self._answer()["addresses"]

    def send(self, load: Load) -> None:
        """From now on publishers send that."""
        self._tell({"do": "send", "load": asdict(load)})

    def begin(self) -> None:
        """Start a window; it has begun when this returns."""
        self._tell({"do": "begin"})
        self._answer()

    def end(self) -> Counted:
        """End it."""
        self._tell({"do": "end"})
        return Counted(**self._answer())

    def _tell(self, command: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # A deadline for a blocking read: the end of the process is the end of the stream.
        deadline = threading.Timer(PATIENCE, self._process.kill)
        deadline.start()
        try:
            for line in self._process.stdout:
                said: dict[str, Any] = json.loads(line)
                if "warning" not in said:
                    return said
                print(f"  {said['warning']}", flush=True)
        finally:
            deadline.cancel()
        raise SystemExit(f"the generator has ended: {self._complaints.read_text()[-2000:]}")


@contextmanager
def calling(
    program: Path, namespaces: Namespaces, system: str, url: str, secrets: Mapping[str, str], course: Course
) -> Iterator[Generator]:
    """Everyone of the course, joined."""
    numbers = {"rooms": course.rooms, "people": course.people, "publishers": course.publishers}
    flags = [f"-{name}={number}" for name, number in numbers.items()]
    argv = namespaces.at_people(str(program), "call", f"-system={system}", f"-url={url}", f"-ip={PEOPLE}", *flags)
    with tempfile.NamedTemporaryFile("w+") as complaints:
        process = subprocess.Popen(
            argv,
            env={**os.environ, **secrets},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
        )
        try:
            yield Generator(process, Path(complaints.name))
        finally:
            process.kill()
            process.communicate()
