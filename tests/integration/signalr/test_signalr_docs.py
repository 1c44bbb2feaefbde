"""The example of docs/signalr.md runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration import servers
from tests.integration.signalr.npm import HERE, driven

DOCS = HERE.parents[2] / "docs" / "signalr.md"


async def test_the_echo_hub_in_twenty_lines(tmp_path: Path, node: str) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 20
    (tmp_path / "echo.py").write_text(code)
    port = servers.free_port()
    argv = [sys.executable, "-m", "uvicorn", "echo:app", "--port", str(port), "--app-dir", str(tmp_path)]
    with servers.running("uvicorn", argv, tmp_path) as server:
        server.wait_for_log("Uvicorn running")
        for transport in ("WebSockets", "ServerSentEvents", "LongPolling"):
            async with driven(node, f"http://127.0.0.1:{port}/echo", transport) as client:
                assert await client.call("Echo", "hello") == "hello"
                assert "streaming" in await client.refused("Count", 3, 0)


def test_the_example_is_typed(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "echo.py").write_text(code)
    argv = [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases", str(tmp_path / "echo.py")]
    done = subprocess.run(argv, cwd=HERE.parents[2], capture_output=True, text=True, check=False)
    if "No module named mypy" in done.stderr:
        pytest.fail("mypy is missing")
    assert done.returncode == 0, done.stdout
