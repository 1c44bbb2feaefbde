"""Several web workers on one listening socket: started, and started again when they crash."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Mapping

from tertulia.app import listen
from tertulia.config import PREFIX, Config
from tertulia.dev.supervisor import Child, ChildFailed, Supervisor


def run(config: Config, environ: Mapping[str, str], flags: Mapping[str, str | None]) -> int:
    """Run ``config.workers`` workers until SIGINT or SIGTERM and give the exit status."""
    listener = listen(config)
    given = {PREFIX + name.upper(): value for name, value in flags.items() if value is not None}
    with tempfile.TemporaryDirectory(prefix="tertulia-metrics-") as figures:
        env = {**environ, **given, "PROMETHEUS_MULTIPROC_DIR": figures}
        try:
            return asyncio.run(_run(config.workers, listener.fileno(), env))
        except ChildFailed as failed:
            print(f"tertulia web: {failed.message}: see its last lines above", file=sys.stderr)
            return failed.exit_status
        finally:
            listener.close()


async def _run(count: int, fd: int, env: Mapping[str, str]) -> int:
    os.set_inheritable(fd, True)
    argv = (sys.executable, "-m", "tertulia", "web", "--fd", str(fd))
    async with Supervisor() as supervisor:
        names = [f"web {number}" for number in range(1, count + 1)]
        await supervisor.start(*[Child(name=name, argv=argv, env=env, pass_fds=(fd,)) for name in names])
        await supervisor.until_stopped()
    return 0
