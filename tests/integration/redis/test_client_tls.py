"""The client over TLS: a server whose certificate is trusted, is not, or is another's."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tertulia.errors import Unavailable
from tertulia.redis.channels import Channels
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tests.integration import servers
from tests.integration.state.rooms import counts, hub_state, join, new_room, new_user


def make_certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for ``localhost`` and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[int]:
    """Where a Redis speaks TLS; clients need no certificate."""
    directory, port = tmp_path_factory.mktemp("tls"), servers.free_port()
    argv = [servers.program("redis-server", "redis-server"), "--bind", "127.0.0.1", "--port", "0"]
    argv += ["--tls-port", str(port), "--tls-cert-file", str(certificate[0]), "--tls-key-file", str(certificate[1])]
    argv += ["--tls-auth-clients", "no", "--dir", str(directory), "--save", ""]
    with servers.running("redis with TLS", argv, directory) as server:
        server.wait_for_log("Ready to accept connections")
        yield port


async def test_a_trusted_certificate(
    port: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls, scripts and channels."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    redis = await connect_redis(f"rediss://localhost:{port}/0")
    channels = Channels(redis)
    room, inbox = new_room(), asyncio.Queue[bytes]()
    await channels.subscribe(keys.room_events(room), inbox.put_nowait, lambda: None)
    await join(hub_state(redis), room, new_user())
    assert await asyncio.wait_for(inbox.get(), 10)
    assert await counts(redis, room) == (1, 1, 1)
    await channels.close()
    await redis.close()


async def test_one_that_nobody_vouches_for(port: int) -> None:
    with pytest.raises(Unavailable, match="certificate verify failed"):
        await connect_redis(f"rediss://localhost:{port}/0", call_seconds=0.5)


async def test_one_of_another_host(port: int, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with pytest.raises(Unavailable, match="certificate is not valid for '127.0.0.1'"):
        await connect_redis(f"rediss://127.0.0.1:{port}/0", call_seconds=0.5)
