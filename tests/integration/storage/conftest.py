"""Storages: a directory, and S3 as moto serves it, over HTTP."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tertulia.storage import Storage, open_storage
from tests.integration import servers

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


@pytest.fixture(params=["directory", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A storage; the test is run with each kind."""
    if request.param == "s3":
        request.getfixturevalue("s3")
        return open_storage("s3://bucket/some/prefix")
    return open_storage((tmp_path / "root").as_uri())


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
