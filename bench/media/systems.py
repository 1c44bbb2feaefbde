"""The SFUs, each started as its own documentation says, in the namespace and on the core that are given."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.media.namespaces import SFU, Namespaces
from tertulia.dev import valkey
from tests import processes
from tests.integration import servers

LIVEKIT: Final = "v1.13.5"
BUILD_SECONDS: Final = 1800.0
_KEY: Final = "bench"
_SECRET: Final = "only-for-this-bench-and-this-network-namespace"


@dataclass
class System:
    """An SFU that runs: where its signaling is, how the generator gets in, and the processes that belong to it."""

    adapter: str
    url: str
    roots: list[int]
    secrets: Mapping[str, str] = field(default_factory=dict)

    def cpu(self) -> float:
        """Seconds of CPU of all its processes."""
        return sum(processes.cpu_seconds(pid) for root in self.roots for pid in processes.below(root))

    def memory(self) -> int:
        """Bytes, the proportional set sizes of all its processes."""
        return sum(process.pss_bytes for root in self.roots for process in processes.tree(root))


def _running(
    name: str, argv: Sequence[str], directory: Path, env: Mapping[str, str] | None = None
) -> AbstractContextManager[servers.Server]:
    # Asked to end, some wait for the people to go first.
    return servers.running(name, argv, directory, env=env, stop_signal=signal.SIGKILL)


@contextmanager
def tertulia(namespaces: Namespaces, directory: Path) -> Iterator[System]:
    """Web worker, SFU node and Redis, as in production; SQLite."""
    settings = {
        "TERTULIA_REDIS_URL": "redis://127.0.0.1:6379/0",
        "TERTULIA_DATABASE_URL": f"sqlite:///{directory}/tertulia.db",
        "TERTULIA_DATA_DIR": str(directory),
        "TERTULIA_LOG_FORMAT": "text",
    }

    def once(*arguments: str) -> str:
        argv, env = servers.tertulia_argv(*arguments), servers.tertulia_env(settings)
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True, timeout=60).stdout

    once("migrate")
    once("tenant", "create", "bench")
    key = next(word for word in once("key", "create", "bench", "--name", "bench").split() if word.startswith("tk_"))
    with ExitStack() as stack:

        def start(name: str, *argv: str) -> servers.Server:
            env = servers.tertulia_env(settings)
            return stack.enter_context(_running(name, namespaces.at_sfu(*argv), directory, env))

        redis = start("valkey", str(valkey.binary()), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory))
        redis.wait_for_log("Ready to accept connections")
        # One credential and one address join hundreds here.
        web = ("web", "--host", SFU, "--port", "8080", "--rate-limit", "0", "--public-url", f"http://{SFU}:8080")
        started = [redis, start("web", *servers.tertulia_argv(*web))]
        started.append(start("sfu", *servers.tertulia_argv("sfu", "--sfu-advertise", SFU)))
        started[-1].wait_for_log("SFU node runs")
        started[-2].wait_until(lambda: namespaces.listens(8080))
        roots = [server.pid for server in started]
        yield System("tertulia", f"http://{SFU}:8080", roots, {"GENERATOR_KEY": key})


def livekit(options: Mapping[str, object]) -> Callable[[Namespaces, Path], AbstractContextManager[System]]:
    """LiveKit with these settings of ``rtc`` besides."""

    @contextmanager
    def start(namespaces: Namespaces, directory: Path) -> Iterator[System]:
        config = {
            "port": 7880,
            "rtc": {"port_range_start": 50000, "port_range_end": 60000, "node_ip": SFU, "use_external_ip": False}
            | dict(options),
            "keys": {_KEY: _SECRET},
            "logging": {"level": "warn"},
        }
        path = directory / "livekit.yaml"
        path.write_text(json.dumps(config))  # which is YAML, too
        argv = namespaces.at_sfu(str(_livekit_program()), "--config", str(path))
        with _running("livekit", argv, directory) as server:
            server.wait_until(lambda: namespaces.listens(7880))
            secrets = {"GENERATOR_KEY": _KEY, "GENERATOR_SECRET": _SECRET}
            yield System("livekit", f"ws://{SFU}:7880", [server.pid], secrets)

    return start


def _livekit_program() -> Path:
    """The server, which Go's proxy has. It is compiled once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tertulia-bench" / f"livekit-{LIVEKIT}"
    program = cache / "server"
    if not program.exists():
        print(f"compiling LiveKit {LIVEKIT}, which takes minutes the first time", flush=True)
        argv = ["go", "install", f"github.com/livekit/livekit-server/cmd/server@{LIVEKIT}"]
        subprocess.run(argv, env={**os.environ, "GOBIN": str(cache)}, check=True, timeout=BUILD_SECONDS)
    return program


@contextmanager
def janus(namespaces: Namespaces, directory: Path) -> Iterator[System]:
    """Debian's Janus with its VideoRoom, over WebSockets."""
    program = shutil.which("janus")
    if program is None:
        raise SystemExit("Janus is missing: apt-get install janus")
    others = ("http", "mqtt", "nanomsg", "pfunix", "rabbitmq")
    (directory / "janus.jcfg").write_text(
        f"""general: {{ debug_level = 3 }}
nat: {{ ice_enforce_list = "{SFU}" }}
media: {{ rtp_port_range = "20000-40000" }}
transports: {{ disable = "{",".join(f"libjanus_{name}.so" for name in others)}" }}
"""
    )
    (directory / "janus.transport.websockets.jcfg").write_text(
        'general: { json = "compact", ws = true, ws_port = 8188 }\n'
    )
    (directory / "janus.plugin.videoroom.jcfg").write_text("general: {}\n")
    argv = namespaces.at_sfu(program, "--configs-folder", str(directory))
    with _running("janus", argv, directory) as server:
        server.wait_until(lambda: namespaces.listens(8188))
        yield System("janus", f"ws://{SFU}:8188", [server.pid])


SYSTEMS: Final[Mapping[str, Callable[[Namespaces, Path], AbstractContextManager[System]]]] = {
    "tertulia": tertulia,
    "livekit": livekit({}),
    "livekit-batch": livekit({"batch_io": {"batch_size": 128, "max_flush_interval": "2ms"}}),
    "janus": janus,
}
