"""Storages: a directory, S3 as moto serves it and Azure Blob Storage as Azurite does, over HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import boto3
import pytest

from tertulia.ids import new_token, new_uuid
from tertulia.storage import SealedStorage, SealingKey, Storage, open_storage
from tests.integration import servers

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, which are no secret."""
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMIsecretEXAMPLE"


class S3:
    """A server with one bucket, and what is really in it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
        )

    def empty(self) -> None:
        urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}/moto-api/reset", method="POST"), timeout=10
        ).close()
        self.client.create_bucket(Bucket="bucket")

    def keys(self) -> list[str]:
        return [item["Key"] for item in self.client.list_objects_v2(Bucket="bucket").get("Contents", [])]

    def uploads(self) -> list[str]:
        """Uploads that were begun, and neither finished nor given up."""
        return [item["Key"] for item in self.client.list_multipart_uploads(Bucket="bucket").get("Uploads", [])]


@pytest.fixture(scope="session")
def s3_server(server_dir: Path) -> Iterator[S3]:
    port = servers.free_port()
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with servers.running("moto", argv, server_dir) as server:
        server.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/moto-api/"))
        yield S3(port)


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """An empty bucket, and an environment with its credentials."""
    s3_server.empty()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{s3_server.port}")
    return s3_server


@pytest.fixture(scope="session")
def azurite(server_dir: Path) -> Iterator[str]:
    """The endpoint of an Azure Blob Storage with one container."""
    port, program = servers.free_port(), Path(__file__).parent / "node_modules/.bin/azurite-blob"
    argv = [str(program), "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence", "--silent"]
    argv += ["--blobHost", "127.0.0.1", "--blobPort", str(port)]
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    with servers.running("azurite", argv, server_dir) as server:
        server.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/"))
        _create_container(endpoint, "container")
        yield endpoint


@pytest.fixture
def azure(azurite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment with its credentials."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY)
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azurite)


@pytest.fixture(params=["directory", "s3", "azure", "directory, encrypted", "s3, encrypted"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A storage; the test is run with each kind."""
    kind, _, encrypted = request.param.partition(", ")
    storage = _storage(request, tmp_path, kind)
    if encrypted:
        key = SealingKey(new_uuid(), bytes(32))
        return SealedStorage(storage, OneKey(key)).sealing(key).only(sealed=True)
    return storage


class OneKey:
    """There is one key."""

    def __init__(self, key: SealingKey) -> None:
        self._key = key

    async def secret(self, key_id: str) -> bytes:
        assert key_id == self._key.id
        return self._key.secret


def _storage(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Storage:
    if kind == "s3":
        request.getfixturevalue("s3")
        return open_storage("s3://bucket/some/prefix")
    if kind == "azure":
        request.getfixturevalue("azure")
        return open_storage(f"az://container/{new_token()}")
    return open_storage((tmp_path / "root").as_uri())


def _create_container(endpoint: str, name: str) -> None:
    """Create it, by Azure's "Authorize with Shared Key": obstore cannot."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    signed = "\n".join(f"{key}:{value}" for key, value in headers.items())
    text = "PUT" + "\n" * 12 + f"{signed}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    digest = hmac.digest(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256)
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
    asked = urllib.request.Request(f"{endpoint}/{name}?restype=container", method="PUT", headers=headers)
    urllib.request.urlopen(asked, timeout=10).close()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
