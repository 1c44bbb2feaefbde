"""Redis, Valkey and a Redis Cluster."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tertulia.dev import valkey
from tests.integration.servers.child import START_SECONDS, Server, ServerFailed, free_port, is_free, program, running


def _redis_says(port: int, *command: str) -> str:
    """The first bytes of a Redis server's answer, ``""`` if there is none."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
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
    """Free ports whose cluster bus port (10000 above) is free."""
    ports: list[int] = []
    while len(ports) < count:
        port = free_port() - 10_000
        if is_free(port):
            ports.append(port)
    return ports


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
