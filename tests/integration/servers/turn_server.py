"""coturn."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.servers.child import Server, free_port, program, running

TURN_SECRET = "test-turn-secret"
TURN_REALM = "tertulia.test"


@dataclass
class Turn:
    """A coturn that takes ephemeral credentials (the TURN REST convention)."""

    server: Server
    port: int
    secret: str = TURN_SECRET

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"


@contextmanager
def coturn(directory: Path) -> Iterator[Turn]:
    """A coturn on loopback that relays to loopback peers, over UDP and TCP."""
    port = free_port(socket.SOCK_DGRAM)
    home = Path(tempfile.mkdtemp(prefix="coturn-", dir=directory))
    argv = [
        *(program("turnserver", "coturn"), "-n", "--listening-port", str(port), "--listening-ip", "127.0.0.1"),
        *("--relay-ip", "127.0.0.1", "--use-auth-secret", "--static-auth-secret", TURN_SECRET, "--realm", TURN_REALM),
        *("--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli", "--fingerprint", "--no-multicast-peers"),
        *("--pidfile", str(home / "pid"), "--userdb", str(home / "turndb"), "--log-file", "stdout", "--verbose"),
    ]
    with running("coturn", argv, directory) as server:
        server.wait_until(lambda: _answers_stun(port))
        yield Turn(server, port)


def _answers_stun(port: int) -> bool:
    """Whether a STUN Binding request (RFC 8489, section 5) is answered."""
    transaction = os.urandom(12)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        client.connect(("127.0.0.1", port))
        try:
            client.send(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + transaction)
            answer = client.recv(2048)
        except OSError:
            return False
        return answer[:2] == b"\x01\x01" and answer[8:20] == transaction
