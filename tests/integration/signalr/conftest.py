"""A test hub on uvicorn, and a way to run the npm clients against it."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.waiting import until

HERE = Path(__file__).parent
PATIENCE = 60
"""Seconds that a client's scenario may take."""

Run = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[int]:
    """``app`` on uvicorn at a free port of the loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=1, ws_ping_interval=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await until(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listener.close()


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js with the packages of package-lock.json."""
    path = shutil.which("node")
    if path is None:
        pytest.fail("Node.js is missing: apt-get install nodejs npm")
    if not (HERE / "node_modules").is_dir():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=300)
    return path


@pytest.fixture
def client(node: str) -> Run:
    """Run a scenario of client.mjs; its result, or an error with what it wrote."""

    async def run(scenario: str, port: int, transport: str = "WebSockets", protocol: str = "json", **more: Any) -> Any:
        url = f"http://127.0.0.1:{port}/hub"
        asked = {"scenario": scenario, "url": url, "transport": transport, "protocol": protocol}
        process = await asyncio.create_subprocess_exec(
            node,
            str(HERE / "client.mjs"),
            json.dumps({**asked, **more}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, err.decode()
        return json.loads(out)

    return run
