"""S3 over HTTP (moto): signed addresses, and everything that can go wrong on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tertulia.errors import ConfigError, StorageError
from tertulia.storage import Storage, open_storage, remote
from tests.integration.storage.conftest import KEY_ID, S3, SECRET
from tests.integration.storage.proxy import Fault, Proxy, proxy
from tests.integration.storage.test_storage import file_of
from tests.waiting import until

BIG = (20 << 20) + 17
KEY = "recordings/room/recording/grid.mp4"


@pytest.fixture
async def between(s3: S3, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """A proxy before S3; and a client that loses patience sooner than in earnest."""
    monkeypatch.setattr(remote, "REQUEST_SECONDS", 2)
    monkeypatch.setattr(remote, "RETRY_SECONDS", 4)
    async with proxy(s3.port) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
        yield made


def first(count: int, method: str, fault: Fault, also: str = "") -> object:
    """A fault of the first requests with this method, and ``also`` in their first lines."""
    left = [count]

    def choose(line: str) -> Fault | None:
        if line.startswith(method + " ") and also in line and left[0]:
            left[0] -= 1
            return fault
        return None

    return choose


async def test_an_address_that_anybody_can_read(s3: S3, tmp_path: Path) -> None:
    storage, path = open_storage("s3://bucket/prefix"), file_of(tmp_path, 1000)
    await storage.put_file(path, KEY)
    assert s3.keys() == [f"prefix/{KEY}"]
    url = await storage.sign(KEY, 60)
    assert url is not None
    answer = httpx.get(url)
    assert (answer.content, answer.headers["content-type"]) == (path.read_bytes(), "video/mp4")
    part = httpx.get(url, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, path.read_bytes()[:10])


@pytest.mark.parametrize("fault", ["500", "hang", "cut"])
@pytest.mark.parametrize("also", ["partNumber=2", "uploads"], ids=["a part", "its begin"])
async def test_a_fault_that_passes_is_not_noticed(
    s3: S3, between: Proxy, tmp_path: Path, fault: Fault, also: str
) -> None:
    method = "POST" if also == "uploads" else "PUT"
    between.fault = first(1, method, fault, also)  # type: ignore[assignment]
    storage, path = open_storage("s3://bucket/prefix"), file_of(tmp_path, BIG)
    stored = await storage.put_file(path, KEY)
    assert stored.size == BIG
    assert s3.keys() == [f"prefix/{KEY}"]


@pytest.mark.parametrize("fault", ["500", "hang", "cut"])
async def test_a_fault_that_lasts_is_said_and_nothing_stays(
    s3: S3, between: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    between.fault = first(1000, "PUT", fault, "partNumber=1")  # type: ignore[assignment]
    storage = open_storage("s3://bucket/prefix")
    path = file_of(tmp_path, 50 << 20)  # so that it fails while pieces are being sent
    began = time.monotonic()
    with pytest.raises(StorageError, match="s3://bucket/prefix does not do what it is asked") as refused:
        await storage.put_file(path, KEY)
    assert time.monotonic() - began < 30
    assert refused.value.is_retryable
    assert_discreet(refused.value)
    assert (s3.keys(), s3.uploads()) == ([], [])
    between.fault = lambda _line: None
    monkeypatch.setattr(remote, "REQUEST_SECONDS", 60)
    await open_storage("s3://bucket/prefix").put_file(path, KEY)
    assert (s3.keys(), s3.uploads()) == ([f"prefix/{KEY}"], [])


async def test_reading_goes_on_after_a_cut(s3: S3, between: Proxy, tmp_path: Path) -> None:
    storage, path = open_storage("s3://bucket/prefix"), file_of(tmp_path, BIG)
    await storage.put_file(path, KEY)
    for fault in ("500", "hang", "cut"):
        between.fault = first(1, "GET", fault)  # type: ignore[assignment]
        await storage.get_file(KEY, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == path.read_bytes()
    between.fault = first(1000, "GET", "500")  # type: ignore[assignment]
    with pytest.raises(StorageError) as refused:
        await storage.get_file(KEY, tmp_path / "other")
    assert refused.value.is_retryable
    assert not (tmp_path / "other").exists()


async def test_who_is_cancelled_gives_the_upload_up(s3: S3, between: Proxy, tmp_path: Path) -> None:
    storage, path = open_storage("s3://bucket/prefix"), file_of(tmp_path, 100 << 20)
    putting = asyncio.create_task(storage.put_file(path, KEY))
    await until(lambda: any("partNumber=2" in line for line in between.seen))
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert (s3.keys(), s3.uploads()) == ([], [])


async def test_what_was_changed_on_the_way_is_noticed(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage, path = open_storage("s3://bucket"), file_of(tmp_path, 1000)

    async def spoil(store: object, key: str, data: bytes, **more: object) -> None:
        s3.client.put_object(Bucket="bucket", Key=key, Body=data[:-1] + b"x")

    monkeypatch.setattr("obstore.put_async", spoil)
    with pytest.raises(StorageError, match="is not what was sent") as refused:
        await storage.put_file(path, KEY)
    assert refused.value.is_retryable


async def test_a_bucket_that_is_not_there(s3: S3, tmp_path: Path) -> None:
    storage = open_storage("s3://nobodys/prefix")
    with pytest.raises(StorageError, match="s3://nobodys/prefix does not exist: create it") as refused:
        await storage.put_file(file_of(tmp_path, 10), KEY)
    assert not refused.value.is_retryable
    with pytest.raises(StorageError, match="does not exist"):
        await storage.put_file(file_of(tmp_path, BIG), KEY)
    with pytest.raises(StorageError, match="does not exist"):
        await storage.delete_prefix("recordings/room/")


async def test_credentials_that_are_refused(s3: S3, tmp_path: Path) -> None:
    async with Refusing() as port:
        for storage in (_at(port), _at(port)):
            for size in (10, BIG):
                with pytest.raises(
                    StorageError, match=r"refuses the credentials \(HTTP 403, InvalidAccessKeyId\)"
                ) as it:
                    await storage.put_file(file_of(tmp_path, size), KEY)
                assert not it.value.is_retryable
                assert_discreet(it.value)


async def test_nobody_there(s3: S3, between: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    storage = open_storage("s3://bucket")
    with pytest.raises(StorageError) as refused:
        await storage.size(KEY)
    assert refused.value.is_retryable
    assert_discreet(refused.value)


@pytest.mark.parametrize("url", ["gs://bucket/prefix", "az://container/prefix", "s3://bucket"])
def test_other_settings_are_said_without_their_values(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", SECRET)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", SECRET + "!")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://[" + SECRET)
    try:
        open_storage(url)
    except ConfigError as e:
        assert_discreet(e)


def _at(port: int) -> Storage:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        return open_storage("s3://bucket")


def assert_discreet(error: Exception) -> None:
    """What is said holds no credential, and neither does what a log would show of it."""
    told = f"{error} {error!r} {error.__cause__!r}"
    assert KEY_ID not in told
    assert SECRET not in told
    assert error.__suppress_context__


class Refusing:
    """A server that says what S3 says to a key that it does not know, key included."""

    async def __aenter__(self) -> int:
        body = f"<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>".encode()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )
            await writer.drain()
            writer.close()

        self._server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
