"""A full disk, a real one: a small tmpfs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.recorder.studio import Studio

SIZE = 8 << 20


@contextmanager
def small_disk(path: Path) -> Iterator[None]:
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(path)]
    if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


async def test_a_full_disk_is_said_and_passes_and_nothing_is_lost(local: Studio) -> None:
    with small_disk(local.recordings):
        row = await local.recorded(3.0)
        raw = {path: path.stat().st_size for path in (local.recordings / row.id).glob("*/*")}
        ballast = local.recordings / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(local.recordings).free - 20_000))
        with local.recorder() as recorder:
            failed = await local.until(row, lambda it: it.error, recorder)
            assert "No space left on device" in str(failed.error)
            assert failed.status == "processing"
            assert {path: path.stat().st_size for path in raw} == raw
            ballast.unlink()
            ready = await local.until_status(row, "ready", recorder)
            assert ready.error is None
            await local.until_cleared(row)
