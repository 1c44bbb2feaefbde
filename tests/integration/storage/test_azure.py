"""Azure Blob Storage over HTTP (Azurite): signed addresses, and what it says when something is wrong."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest

from tertulia.errors import StorageError
from tertulia.storage import open_storage
from tests.integration.storage.conftest import ACCOUNT_KEY
from tests.integration.storage.test_storage import file_of

KEY = "recordings/room/recording/grid.mp4"


async def test_an_address_that_anybody_can_read(azure: None, tmp_path: Path) -> None:
    storage, path = open_storage("az://container/prefix"), file_of(tmp_path, 1000)
    await storage.put_file(path, KEY)
    url = await storage.sign(KEY, 60)
    assert url is not None
    assert ACCOUNT_KEY not in url
    part = httpx.get(url, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, path.read_bytes()[:10])
    assert part.headers["content-type"] == "video/mp4"


async def test_a_container_that_is_not_there(azure: None, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="az://nobodys/prefix does not exist: create it") as refused:
        await open_storage("az://nobodys/prefix").put_file(file_of(tmp_path, 10), KEY)
    assert not refused.value.is_retryable


async def test_credentials_that_are_refused(azure: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"x" * 64).decode())
    with pytest.raises(StorageError, match=r"refuses the credentials \(HTTP 403, [A-Za-z]+\)") as refused:
        await open_storage("az://container/prefix").put_file(file_of(tmp_path, 10), KEY)
    assert not refused.value.is_retryable
