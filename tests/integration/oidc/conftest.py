"""One web worker and one provider for each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import servers
from tests.integration.oidc.site import Site, site


@pytest.fixture(scope="session")
def oidc_redis(server_dir: Path) -> Iterator[str]:
    with servers.embedded_valkey(server_dir) as (_, url):
        yield url


@pytest.fixture(scope="session")
def on_sqlite(oidc_redis: str, server_dir: Path) -> Iterator[Site]:
    with site(server_dir, oidc_redis, f"sqlite:///{server_dir / 'oidc.db'}") as made:
        yield made


@pytest.fixture(scope="session")
def on_postgres(oidc_redis: str, server_dir: Path, postgres_server: servers.Postgres) -> Iterator[Site]:
    with site(server_dir, oidc_redis, postgres_server.new_database()) as made:
        yield made
