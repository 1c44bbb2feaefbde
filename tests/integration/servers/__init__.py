"""Real servers for tests: started on free loopback ports, each with a deadline, gone with the test run.

Every server is a context manager. Each process has a parent-death signal: a killed pytest leaves nothing behind.
"""

from tests.integration.servers.child import Server, all_end, free_port, program, running
from tests.integration.servers.postgres_server import (
    Postgres,
    PostgresFiles,
    postgres,
    postgres_files,
    postgres_started,
)
from tests.integration.servers.redis_server import (
    Cluster,
    cluster_ports,
    delete,
    embedded_valkey,
    flush,
    redis,
    redis_cluster,
    redis_started,
)
from tests.integration.servers.tertulia_server import (
    Tertulia,
    answers,
    command,
    tertulia_argv,
    tertulia_dev,
    tertulia_env,
    tertulia_sfu,
    tertulia_sfu_started,
    tertulia_web,
    tertulia_web_started,
)
from tests.integration.servers.turn_server import Turn, coturn

__all__ = [
    "Cluster",
    "Postgres",
    "PostgresFiles",
    "Server",
    "Tertulia",
    "Turn",
    "all_end",
    "answers",
    "cluster_ports",
    "command",
    "coturn",
    "delete",
    "embedded_valkey",
    "flush",
    "free_port",
    "postgres",
    "postgres_files",
    "postgres_started",
    "program",
    "redis",
    "redis_cluster",
    "redis_started",
    "running",
    "tertulia_argv",
    "tertulia_dev",
    "tertulia_env",
    "tertulia_sfu",
    "tertulia_sfu_started",
    "tertulia_web",
    "tertulia_web_started",
]
