"""Real servers for tests: started on free loopback ports, each with a deadline, gone with the test run.

Every server is a context manager. Each process has a parent-death signal: a killed pytest leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tertulia.dev import valkey
from tertulia.process.spawn import spawn
from tests.processes import below

START_SECONDS = 60.0
"""What starts in 3 s takes ten times that on a machine where ten others compile; twice that again is a failure."""
STOP_SECONDS = 15.0
TURN_SECRET = "test-turn-secret"
TURN_REALM = "tertulia.test"


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that was free a moment ago, for servers that cannot be told to take any."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerFailed(AssertionError):
    """A server did not start, or ended by itself. The message ends with its log."""


@dataclass
class Server:
    """One child process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log_path: Path
    stop_signal: signal.Signals = signal.SIGTERM
    is_ready: Callable[[], bool] = lambda: True
    """Whether it serves."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """Everything it has written so far."""
        return self.log_path.read_text(errors="replace")

    def fail(self, what: str) -> ServerFailed:
        return ServerFailed(f"{self.name} {what}. The end of its log:\n{self.log()[-4000:]}")

    def wait_until(self, ready: Callable[[], bool], *, deadline: float = START_SECONDS, what: str = "be ready") -> None:
        """Ask ``ready`` until it is true; ServerFailed after ``deadline`` seconds, or when the process has ended."""
        end = time.monotonic() + deadline
        while not ready():
            if self.process.poll() is not None:
                raise self.fail(f"ended with {self.process.returncode}")
            if time.monotonic() > end:
                raise self.fail(f"did not {what} within {deadline:.0f} s")
            time.sleep(0.02)  # another process: there is nothing to await

    def wait_until_ready(self) -> None:
        """Wait until it serves."""
        self.wait_until(self.is_ready)

    def wait_for_log(self, text: str, *, deadline: float = START_SECONDS) -> None:
        """Wait until ``text`` is in the log."""
        self.wait_until(lambda: text in self.log(), deadline=deadline, what=f"write {text!r}")

    def wait(self, deadline: float = START_SECONDS) -> int:
        """Wait for its end and give the exit status, negative for a signal. It may have to start first."""
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise self.fail(f"did not end within {deadline:.0f} s") from None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, deadline: float = STOP_SECONDS) -> int:
        """Ask it to end; ServerFailed (and SIGKILL) if it does not."""
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
        try:
            return self.wait(deadline)
        except ServerFailed:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9, and wait, also for what is below it, which dies with it."""
        if self.process.poll() is None:
            left = [descriptor for pid in below(self.pid)[1:] if (descriptor := _pidfd(pid)) is not None]
            self.process.kill()
            self.process.wait(STOP_SECONDS)
            assert all_end(left), f"something below {self.name} outlives it"


def _pidfd(pid: int) -> int | None:
    """None: the process has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


@contextmanager
def running(
    name: str,
    argv: Sequence[str],
    directory: Path,
    *,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Iterator[Server]:
    """Run ``argv`` with its log in ``directory`` and end it afterwards."""
    descriptor, path = tempfile.mkstemp(prefix=f"{name.replace(' ', '-')}-", suffix=".log", dir=directory)
    with os.fdopen(descriptor, "wb") as log:
        process = spawn(argv, env=env, output=log, user=user, death_signal=signal.SIGKILL)
    server = Server(name, process, Path(path), stop_signal)
    try:
        yield server
    finally:
        try:
            if process.poll() is None:
                server.stop()
        finally:
            server.kill()


def program(name: str, package: str, *places: str) -> str:
    """The path of a program that a Debian package brings."""
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *places]))
    if path is None:
        raise ServerFailed(f"{name} is missing: apt-get install {package}")
    return path


# -- Redis ------------------------------------------------------------------------------------------------------------


def _redis_says(port: int, *command: str) -> str:
    """The first bytes of a Redis server's answer, ``""`` if there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall((" ".join(command) + "\r\n").encode())
            return connection.recv(65536).decode()
    except OSError:
        return ""


def flush(url: str) -> None:
    """Empty a Redis server."""
    port = int(url.rsplit(":", maxsplit=1)[1].split("/", maxsplit=1)[0])
    answer = _redis_says(port, "FLUSHALL")
    if not answer.startswith("+OK"):
        raise ServerFailed(f"{url} was not emptied: {answer!r}")


def delete(url: str, *keys: str) -> None:
    """Delete keys of a Redis server."""
    port = int(url.rsplit(":", maxsplit=1)[1].split("/", maxsplit=1)[0])
    answer = _redis_says(port, f"DEL {' '.join(keys)}")
    if not answer.startswith(":"):
        raise ServerFailed(f"{url} deleted nothing: {answer!r}")


@contextmanager
def _redis_started(
    name: str, command: Callable[[Path, int], Sequence[str]], directory: Path, port: int | None
) -> Iterator[Server]:
    port = port or free_port()
    with running(f"{name} {port}", command(directory, port), directory) as server:
        server.is_ready = lambda: _redis_says(port, "PING").startswith("+PONG")
        yield server


@contextmanager
def _redis(
    name: str, command: Callable[[Path, int], Sequence[str]], directory: Path, port: int | None
) -> Iterator[Server]:
    with _redis_started(name, command, directory, port) as server:
        server.wait_until_ready()
        yield server


def _redis_command(directory: Path, port: int) -> list[str]:
    return [program("redis-server", "redis-server"), *_redis_options(directory, port)]


def _valkey_command(directory: Path, port: int) -> list[str]:
    return [str(valkey.binary()), *_redis_options(directory, port)]


def _redis_options(directory: Path, port: int) -> list[str]:
    return [
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory)),
        *("--save", "", "--appendonly", "no"),
    ]


@contextmanager
def redis_started(directory: Path, port: int) -> Iterator[Server]:
    """The system's Redis 7, which may have to start yet."""
    with _redis_started("redis", _redis_command, directory, port) as server:
        yield server


@contextmanager
def redis(directory: Path, port: int | None = None) -> Iterator[tuple[Server, str]]:
    """The system's Redis 7: the process and its URL. Give ``port`` to start one again where it was."""
    port = port or free_port()
    with _redis("redis", _redis_command, directory, port) as server:
        yield server, f"redis://127.0.0.1:{port}/0"


@contextmanager
def embedded_valkey(directory: Path, port: int | None = None) -> Iterator[tuple[Server, str]]:
    """The Valkey that `tertulia dev` embeds, on a port: the process and its URL."""
    port = port or free_port()
    with _redis("valkey", _valkey_command, directory, port) as server:
        yield server, f"redis://127.0.0.1:{port}/0"


def cluster_ports(count: int) -> list[int]:
    """Free ports whose cluster bus port (10000 above) is free.

    Both are below the kernel's ephemeral range, so they stay so.
    """
    ports: list[int] = []
    while len(ports) < count:
        candidate = 10000 + free_port() % 12000
        if candidate not in ports and _bindable(candidate) and _bindable(candidate + 10000):
            ports.append(candidate)
    return ports


def _bindable(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass
class Cluster:
    """Three masters, no replicas."""

    nodes: list[Server]
    ports: list[int]

    @property
    def url(self) -> str:
        """The URL of one node; the others are found through it."""
        return f"redis+cluster://127.0.0.1:{self.ports[0]}"


@contextmanager
def redis_cluster(directory: Path) -> Iterator[Cluster]:
    """A Redis Cluster of three masters that has all slots covered on every node."""
    ports = cluster_ports(3)
    with _cluster_nodes(directory, ports) as nodes:
        addresses = [f"127.0.0.1:{port}" for port in ports]
        subprocess.run(
            [program("redis-cli", "redis-tools"), "--cluster", "create", *addresses, "--cluster-yes"],
            check=True,
            timeout=START_SECONDS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for port, node in zip(ports, nodes, strict=True):
            node.wait_until(partial(_knows_cluster, port), what="join the cluster")
        yield Cluster(nodes, ports)


def _knows_cluster(port: int) -> bool:
    info = _redis_says(port, "CLUSTER", "INFO")
    return "cluster_state:ok" in info and "cluster_slots_assigned:16384" in info and "cluster_known_nodes:3" in info


@contextmanager
def _cluster_nodes(directory: Path, ports: list[int]) -> Iterator[list[Server]]:
    if not ports:
        yield []
        return
    home = directory / f"cluster-{ports[0]}"
    home.mkdir()

    def command(place: Path, port: int) -> list[str]:
        return [*_redis_command(place, port), "--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]

    with _redis("redis cluster node", command, home, ports[0]) as first, _cluster_nodes(directory, ports[1:]) as others:
        yield [first, *others]


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@dataclass
class Postgres:
    """A PostgreSQL of its own, trusting every local user."""

    server: Server
    port: int
    _made: int = field(default=0)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of one of its databases."""
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        self._made += 1
        name = f"test_{os.getpid()}_{self._made}"
        asyncio.run(self._execute(f'CREATE DATABASE "{name}"'))
        return self.url(name)

    async def _execute(self, statement: str) -> None:
        import asyncpg

        connection = await asyncpg.connect(
            host="127.0.0.1", port=self.port, user="postgres", database="postgres", timeout=5
        )
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=5)


def _postgres_programs() -> list[str]:
    """The directories of the installed versions, newest first (Debian keeps them off the PATH)."""
    root = Path("/usr/lib/postgresql")
    versions = sorted((p for p in root.glob("*/bin")), key=lambda p: float(p.parent.name), reverse=True)
    return [str(version) for version in versions]


def _postgres_listens(port: int) -> bool:
    ready = subprocess.run(
        [program("pg_isready", "postgresql", *_postgres_programs()), "-q", "-h", "127.0.0.1", "-p", str(port)],
        check=False,
        timeout=5,
    )
    return ready.returncode == 0


@dataclass(frozen=True)
class PostgresFiles:
    """What is left of a PostgreSQL that is killed."""

    directory: Path
    user: str | None
    """Who owns them, and runs it."""
    port: int

    @property
    def data(self) -> Path:
        return self.directory / "data"


@contextmanager
def postgres_files() -> Iterator[PostgresFiles]:
    """A new PostgreSQL in a temporary directory, not started; of the user ``postgres`` where tests are run by root."""
    user = "postgres" if os.geteuid() == 0 else None
    # Not pytest's directory: the user postgres may not enter root's.
    with tempfile.TemporaryDirectory(prefix="tertulia-postgres-") as name:
        files = PostgresFiles(Path(name), user, free_port())
        if user is not None:
            owner = pwd.getpwnam(user)
            os.chown(files.directory, owner.pw_uid, owner.pw_gid)
        initdb = program("initdb", "postgresql", *_postgres_programs())
        init = [initdb, "-D", str(files.data), "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*init, "-E", "UTF8", "--locale=C.UTF-8"],
            check=True,
            timeout=2 * START_SECONDS,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd=files.directory,
            stdout=subprocess.DEVNULL,
        )
        yield files


@contextmanager
def postgres_started(files: PostgresFiles) -> Iterator[Server]:
    """PostgreSQL on these files, which may have to start yet."""
    settings = {"fsync": "off", "listen_addresses": "127.0.0.1", "port": files.port, "max_connections": 200}
    settings |= {"unix_socket_directories": str(files.directory), "shared_buffers": "32MB"}
    argv = [program("postgres", "postgresql", *_postgres_programs()), "-D", str(files.data)]
    argv += [argument for key, value in settings.items() for argument in ("-c", f"{key}={value}")]
    # SIGINT: a fast shutdown, which does not wait for clients.
    with running("postgres", argv, files.directory, user=files.user, stop_signal=signal.SIGINT) as server:
        server.is_ready = lambda: _postgres_listens(files.port)
        yield server


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A new PostgreSQL."""
    with postgres_files() as files, postgres_started(files) as server:
        server.wait_until_ready()
        yield Postgres(server, files.port)


# -- coturn -----------------------------------------------------------------------------------------------------------


@dataclass
class Turn:
    """A coturn that takes ephemeral credentials (the TURN REST convention)."""

    server: Server
    port: int
    secret: str = TURN_SECRET

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"


@contextmanager
def coturn(directory: Path) -> Iterator[Turn]:
    """A coturn on loopback that relays to loopback peers, over UDP and TCP."""
    port = free_port(socket.SOCK_DGRAM)
    home = Path(tempfile.mkdtemp(prefix="coturn-", dir=directory))
    argv = [
        *(program("turnserver", "coturn"), "-n", "--listening-port", str(port), "--listening-ip", "127.0.0.1"),
        *("--relay-ip", "127.0.0.1", "--use-auth-secret", "--static-auth-secret", TURN_SECRET, "--realm", TURN_REALM),
        *("--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli", "--fingerprint", "--no-multicast-peers"),
        *("--pidfile", str(home / "pid"), "--userdb", str(home / "turndb"), "--log-file", "stdout", "--verbose"),
    ]
    with running("coturn", argv, directory) as server:
        server.wait_until(lambda: _answers_stun(port))
        yield Turn(server, port)


def _answers_stun(port: int) -> bool:
    """Whether a STUN Binding request (RFC 8489, section 5) is answered."""
    transaction = os.urandom(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.1", port))
        try:
            client.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + transaction)
            answer = client.recv(2048)
        except OSError:
            return False
        return answer[:2] == b"\x01\x01" and answer[8:20] == transaction


# -- Tertulia ---------------------------------------------------------------------------------------------------------


@dataclass
class Tertulia:
    """A ``tertulia`` command that serves HTTP."""

    server: Server
    port: int

    @property
    def url(self) -> str:
        """Where it serves HTTP, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The address of the plain dialect."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def workers(self) -> set[int]:
        """The processes of the web workers."""
        pid = self.server.pid
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}

    def log(self) -> str:
        return self.server.log()


def answers(url: str, status: int = 200) -> bool:
    """Whether a GET of ``url`` has that status."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status) == status
    except urllib.error.HTTPError as refused:
        return refused.code == status
    except OSError:
        return False


def tertulia_argv(*arguments: str) -> list[str]:
    """The public command line, of the package under test."""
    return [sys.executable, "-m", "tertulia", *arguments]


def tertulia_env(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a ``tertulia`` process: this one's, without its settings, with those given."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("TERTULIA_")}
    return env | {"PYTHONUNBUFFERED": "1"} | dict(settings or {})


@contextmanager
def command(name: str, directory: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run ``tertulia <arguments>`` with ``settings`` (``TERTULIA_…``) in the environment."""
    with running(name, tertulia_argv(*arguments), directory, env=tertulia_env(settings)) as server:
        yield server


@contextmanager
def tertulia_dev(
    directory: Path,
    *arguments: str,
    settings: Mapping[str, str] | None = None,
    port: int | None = None,
    data: Path | None = None,
) -> Iterator[Tertulia]:
    """``tertulia dev``, ready; with a data directory of its own unless ``data`` is given."""
    port = port or free_port()
    data = data or Path(tempfile.mkdtemp(prefix="data-", dir=directory))
    options = ("--port", str(port), "--data-dir", str(data), *arguments)
    with command("tertulia dev", directory, "dev", *options, settings=settings) as server:
        server.wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
        yield Tertulia(server, port)


@contextmanager
def tertulia_web(
    directory: Path, *arguments: str, settings: Mapping[str, str], port: int | None = None
) -> Iterator[Tertulia]:
    """``tertulia web``, ready. ``settings`` name the Redis, the database and the secrets."""
    with tertulia_web_started(directory, *arguments, settings=settings, port=port or free_port()) as web:
        web.server.wait_until_ready()
        yield web


@contextmanager
def tertulia_web_started(
    directory: Path, *arguments: str, settings: Mapping[str, str], port: int
) -> Iterator[Tertulia]:
    """``tertulia web``, which may have to start yet."""
    with command("tertulia web", directory, "web", "--port", str(port), *arguments, settings=settings) as server:
        server.is_ready = lambda: answers(f"http://127.0.0.1:{port}/readyz")
        yield Tertulia(server, port)


@contextmanager
def tertulia_sfu(directory: Path, *arguments: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """``tertulia sfu``, registered in Redis (under ``{sfu}:nodes``)."""
    with tertulia_sfu_started(directory, *arguments, settings=settings) as server:
        server.wait_until_ready()
        yield server


@contextmanager
def tertulia_sfu_started(directory: Path, *arguments: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """``tertulia sfu``, which may have to start yet."""
    here = {"TERTULIA_DATA_DIR": str(directory / "data")}
    with command("tertulia sfu", directory, "sfu", *arguments, settings=here | dict(settings)) as server:
        server.is_ready = lambda: "SFU node runs" in server.log()
        yield server


def all_end(pidfds: Sequence[int], *, deadline: float = STOP_SECONDS) -> bool:
    """Whether every process behind ``pidfds`` (pidfd_open(2)) ends in time. Closes them."""
    waiting, end = set(pidfds), time.monotonic() + deadline
    while waiting and (left := end - time.monotonic()) > 0:
        ended, _, _ = select.select(waiting, [], [], left)
        waiting -= set(ended)
    for descriptor in pidfds:
        os.close(descriptor)
    return not waiting
