"""Several web workers on one port: started together, and restarted when they crash."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping
from typing import Final

from tertulia.config import PREFIX, Config
from tertulia.http.listening import bind_public
from tertulia.process import notify, pulse
from tertulia.process.child import Child
from tertulia.process.supervisor import Supervisor

STILL_SECONDS: Final = 3.0
"""For how long a web worker may stand still before another one takes its place. Its clients return to that."""
SHARED_FIGURES: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable, of prometheus_client, for the directory in which the workers' figures are added up."""


def run(config: Config, env: Mapping[str, str]) -> int:
    """Run ``config.workers`` workers until a signal to stop, and return the exit status. ``env`` has their settings.

    Each worker has a listening socket of its own. With a common one, a worker that is awake would accept most of the
    connections that come at once, and keep them for as long as a meeting lasts.

    Raises:
        ConfigError: the address cannot be bound.
        ChildFailed: a worker could not start.
    """
    bind_public(config.host, config.port).close()  # fails where anyone listens, also one that would share the port
    with (
        bind_public(config.host, config.port, is_shared=True) as held,
        # systemd clears temporary directories of what is old, but not this one (RuntimeDirectory= of systemd.exec(5)).
        tempfile.TemporaryDirectory(prefix="tertulia-metrics-", dir=os.environ.get("RUNTIME_DIRECTORY")) as figures,
    ):
        ours = {f"{PREFIX}PORT": str(held.getsockname()[1]), SHARED_FIGURES: figures}
        theirs = {name: value for name, value in env.items() if name not in notify.VARIABLES}
        asyncio.run(_run(config.workers, {**theirs, **ours}))
    return 0


async def _run(count: int, env: Mapping[str, str]) -> None:
    argv = (sys.executable, "-m", "tertulia", "web", "--one-of-many")
    async with Supervisor() as supervisor:
        names = [f"web {number}" for number in range(1, count + 1)]
        showing = asyncio.create_task(pulse.show(os.environ))
        await supervisor.start(*[Child(name=name, argv=argv, env=env, still_seconds=STILL_SECONDS) for name in names])
        async with notify.told(os.environ):
            await supervisor.until_stopped()
        showing.cancel()
