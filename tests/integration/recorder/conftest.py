"""Studios, on either database and with either kind of storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import obstore
import pytest

from tests.integration.recorder import store
from tests.integration.recorder.store import BUCKET, Faulty
from tests.integration.recorder.studio import Studio, new_studio


@pytest.fixture(scope="session")
def s3_port(server_dir: Path) -> Iterator[int]:
    """An S3 server for the whole run."""
    with store.s3_server(server_dir) as port:
        yield port


@pytest.fixture
async def proxy(s3_port: int) -> AsyncIterator[Faulty]:
    """A proxy before the S3 server, and an empty bucket behind it."""
    httpx.put(f"http://127.0.0.1:{s3_port}/{BUCKET}").raise_for_status()
    obstore.delete(bucket := store.bucket(s3_port, BUCKET), list(store.objects(bucket)))
    async with store.faulty(s3_port) as made:
        yield made


@pytest.fixture
async def local(tmp_path: Path, database_url: str) -> AsyncIterator[Studio]:
    """A studio with a directory as storage."""
    made = await new_studio(tmp_path, database_url, {"TERTULIA_STORAGE_URL": (tmp_path / "storage").as_uri()})
    yield made
    await made.database.close()


@pytest.fixture
async def remote(tmp_path: Path, proxy: Faulty) -> AsyncIterator[Studio]:
    """A studio with S3 as storage, through the proxy, and SQLite."""
    settings = {"TERTULIA_STORAGE_URL": f"s3://{BUCKET}", **store.s3_settings(proxy.port)}
    made = await new_studio(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", settings)
    yield made
    await made.database.close()
