"""Web workers, one or several on one port: started together, restarted when they crash or stand still."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tertulia.config import PREFIX, Config
from tertulia.http.listening import bind_operator, bind_public
from tertulia.process import notify, pulse
from tertulia.process.child import Child
from tertulia.process.lines import as_json, with_name
from tertulia.process.supervisor import Supervisor

STILL_SECONDS: Final = 3.0
"""For how long a web worker may stand still before another one takes its place. Its clients return to that."""
SHARED_FIGURES: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable, of prometheus_client, for the directory in which the workers' figures are added up."""


SUPERVISED: Final = "--supervised"
"""The argument of a web worker that somebody else starts again."""


def run(config: Config, env: Mapping[str, str]) -> int:
    """Run ``config.workers`` workers until a signal to stop, and return the exit status. ``env`` has their settings.

    Each worker has a listening socket of its own. With a common one, a worker that is awake would accept most of the
    connections that come at once, and keep them for as long as a meeting lasts.

    Raises:
        ConfigError: an address cannot be bound.
        ChildFailed: a worker could not start.
    """
    # Fails where anyone listens, also one that would share the port.
    bind_public(config.host, config.port).close()
    if config.operator_listen is not None:
        bind_operator(*config.operator_listen).close()
    is_text = config.log_format == "text" or (config.log_format == "auto" and sys.stderr.isatty())
    with bind_public(config.host, config.port, is_shared=True) as held, _figures(config.workers) as figures:
        ours = {f"{PREFIX}PORT": str(held.getsockname()[1]), f"{PREFIX}LOG_FORMAT": "text" if is_text else "json"}
        theirs = {name: value for name, value in env.items() if name not in notify.VARIABLES}
        supervisor = Supervisor(_write, with_name if is_text else as_json)
        asyncio.run(_run(supervisor, config.workers, {**theirs, **ours, **figures}))
    return 0


@contextmanager
def _figures(workers: int) -> Iterator[dict[str, str]]:
    """Where several workers have their figures; one has them to itself."""
    if workers == 1:
        yield {}
        return
    # systemd clears temporary directories of what is old, but not this one (RuntimeDirectory= of systemd.exec(5)).
    place = os.environ.get("RUNTIME_DIRECTORY")
    with tempfile.TemporaryDirectory(prefix="tertulia-metrics-", dir=place) as directory:
        yield {SHARED_FIGURES: directory}


async def _run(supervisor: Supervisor, count: int, env: Mapping[str, str]) -> None:
    argv = (sys.executable, "-m", "tertulia", "web", SUPERVISED)
    async with supervisor:
        names = [f"web {number}" for number in range(1, count + 1)]
        showing = asyncio.create_task(pulse.show(os.environ))
        await supervisor.start(*[Child(name=name, argv=argv, env=env, still_seconds=STILL_SECONDS) for name in names])
        if await supervisor.unless_stopped(supervisor.until_one_turns()):
            async with notify.told(os.environ):
                await supervisor.until_stopped()
        showing.cancel()


def _write(line: bytes) -> None:
    """Logs go to standard error, as those of a process on its own."""
    sys.stderr.buffer.write(line + b"\n")
    sys.stderr.buffer.flush()
