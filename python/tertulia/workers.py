"""Several web workers on one port: started, and started again when they crash."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping

from tertulia.config import PREFIX, Config
from tertulia.http.listening import bind_public
from tertulia.process.supervisor import Child, ChildFailed, Supervisor


def run(config: Config, environ: Mapping[str, str], flags: Mapping[str, str | None]) -> int:
    """Run ``config.workers`` workers until SIGINT or SIGTERM and give the exit status.

    Each listens with a socket of its own: from a common one, a worker that is awake takes most of what comes at once,
    and connections stay where they are for as long as a meeting lasts.

    Raises:
        ConfigError: the address cannot be had.
    """
    bind_public(config.host, config.port).close()  # refused where anyone listens, also one who would share
    with (
        bind_public(config.host, config.port, is_shared=True) as place,
        tempfile.TemporaryDirectory(prefix="tertulia-metrics-") as figures,
    ):
        given = {PREFIX + name.upper(): value for name, value in flags.items() if value is not None}
        ours = {f"{PREFIX}PORT": str(place.getsockname()[1]), "PROMETHEUS_MULTIPROC_DIR": figures}
        try:
            return asyncio.run(_run(config.workers, {**environ, **given, **ours}))
        except ChildFailed as failed:
            print(f"tertulia web: {failed.message}: see its last lines above", file=sys.stderr)
            return failed.exit_status


async def _run(count: int, env: Mapping[str, str]) -> int:
    argv = (sys.executable, "-m", "tertulia", "web", "--one-of-many")
    async with Supervisor() as supervisor:
        names = [f"web {number}" for number in range(1, count + 1)]
        await supervisor.start(*[Child(name=name, argv=argv, env=env) for name in names])
        await supervisor.until_stopped()
    return 0
