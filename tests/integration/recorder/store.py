"""An S3 server, and a proxy before it that makes its faults."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import obstore
from obstore.store import S3Store

from tests.integration import servers

Mode = Literal["pass", "hang", "error", "cut", "refuse"]
BUCKET = "films"
_DENIAL = b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
ANSWERS = {
    "error": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "refuse": b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(_DENIAL), _DENIAL),
}
"""What S3 says when it has a bad moment, and to wrong credentials."""


@dataclass
class Faulty:
    """Passes HTTP on. ``hang``: says nothing; ``error``: answers 500; ``refuse``: 403; ``cut``: resets an upload."""

    upstream: int
    port: int = 0
    mode: Mode = "pass"
    released: asyncio.Event = field(default_factory=asyncio.Event)
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the fault was met."""

    def become(self, mode: Mode) -> None:
        """Behave so from the next bytes on."""
        self.mode = mode
        self.seen.clear()
        if mode == "hang":
            self.released.clear()
        else:
            self.released.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_upstream = await asyncio.open_connection("127.0.0.1", self.upstream)
        answers = asyncio.create_task(self._copy(upstream, writer))
        try:
            await self._take(reader, to_upstream, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            for end in (writer, to_upstream):
                end.transport.abort()

    async def _take(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if self.mode == "hang":
                self.seen.set()
                await self.released.wait()
                return
            if self.mode in ANSWERS:
                self.seen.set()
                client.write(ANSWERS[self.mode])
                await client.drain()
                return
            if self.mode == "cut" and data.startswith(b"PUT "):
                upstream.write(data[: len(data) // 2])
                await upstream.drain()
                self.seen.set()
                return
            upstream.write(data)
            await upstream.drain()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def faulty(upstream: int) -> AsyncIterator[Faulty]:
    """A proxy at a free port, harmless at first."""
    proxy = Faulty(upstream)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.become("pass")
        server.close()


@contextmanager
def s3_server(directory: Path) -> Iterator[int]:
    """moto's S3, with an empty bucket; its port."""
    port = servers.free_port()
    argv = [sys.executable, "-W", "ignore", "-m", "moto.server", "-p", str(port)]
    with servers.running("s3", argv, directory) as server:
        server.wait_until(lambda: servers.answers(f"http://127.0.0.1:{port}/moto-api/"))
        yield port


def s3_settings(port: int, secret: str = "secret") -> dict[str, str]:
    """The environment of a client."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
    }


def bucket(port: int, name: str) -> S3Store:
    """A bucket, past the proxy."""
    return S3Store(
        name,
        access_key_id="test",
        secret_access_key="secret",
        region="us-east-1",
        endpoint=f"http://127.0.0.1:{port}",
        client_options={"allow_http": True},
    )


def objects(store: S3Store) -> dict[str, int]:
    """The keys of all objects, with their sizes."""
    return {item["path"]: item["size"] for page in obstore.list(store) for item in page}
