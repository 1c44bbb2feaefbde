"""Load from plain sockets and one epoll, several times cheaper than what it loads: so that the server is what is busy.

What follows from a call has always the same length, so progress is counted in bytes.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import time
from collections.abc import Sequence
from typing import Any

from bench.signaling.wire import Dialect, masked

PATIENCE = 120.0
"""Seconds."""
READ = 1 << 18


class Member:
    """One client: a socket, and what it says again and again."""

    def __init__(self, port: int, dialect: Dialect, ticket: dict[str, Any]) -> None:
        self.dialect = dialect
        self.user = str(ticket["userId"])
        self.call = b""
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upgrade()
        if dialect.handshake:
            self.socket.sendall(masked(dialect.handshake, binary=False))
            self._read_until(b"{}")
        self.ask("JoinRoom", {"roomId": ticket["roomId"], "token": ticket["token"]})

    def _upgrade(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {self.dialect.path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = self._read_until(b"\r\n\r\n")
        if b" 101 " not in head:
            raise AssertionError(head)

    def ask(self, target: str, payload: Any) -> None:
        """Call, and wait for the answer."""
        self.socket.sendall(self.dialect.framed(target, payload))
        said = self._read_until(self.dialect.answer)
        if b'"error"' in said:
            raise AssertionError(said)

    def _read_until(self, mark: bytes) -> bytes:
        data = b""
        while mark not in data:
            more = self.socket.recv(READ)
            if not more:
                raise AssertionError(f"closed after {data!r}")
            data += more
        return data


class Room:
    """Its members call in turn, ``window`` calls at once."""

    def __init__(self, port: int, dialect: Dialect, tickets: Sequence[dict[str, Any]]) -> None:
        self.members = [Member(port, dialect, ticket) for ticket in tickets]
        self.window = len(self.members)
        self.bytes_each = 0
        """What the members hear together for each call."""
        self.turn = 0
        self.sent = 0
        self.heard = 0

    def close(self) -> None:
        for member in self.members:
            member.socket.close()


class Flood:
    """Many rooms at once."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._rooms = rooms
        self._epoll = select.epoll()
        self._by_descriptor: dict[int, tuple[Room, socket.socket]] = {}
        for room in rooms:
            for member in room.members:
                member.socket.setblocking(False)
                self._by_descriptor[member.socket.fileno()] = room, member.socket
                self._epoll.register(member.socket, select.EPOLLIN)
        self._drain()

    def measure(self) -> None:
        """Find out what follows from a call, by one in each room."""
        for room in self._rooms:
            room.heard = 0
            self._say(room)
        self._drain()
        for room in self._rooms:
            room.bytes_each = room.heard

    def run(self, calls: int) -> None:
        """That many calls in each room, and all that follows from them."""
        for room in self._rooms:
            room.sent = room.heard = 0
            for _ in range(min(room.window, calls)):
                self._say(room)
        deadline = time.monotonic() + PATIENCE
        unfinished = len(self._rooms)
        while unfinished:
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not answer")
            for descriptor, _ in self._epoll.poll(1.0):
                room, sock = self._by_descriptor[descriptor]
                before = room.heard // room.bytes_each
                room.heard += len(sock.recv(READ))
                after = room.heard // room.bytes_each
                for _ in range(min(after - before, calls - room.sent)):
                    self._say(room)
                unfinished -= before < calls <= after

    def _say(self, room: Room) -> None:
        member = room.members[room.turn % len(room.members)]
        room.turn += 1
        room.sent += 1
        member.socket.send(member.call)

    def _drain(self) -> None:
        """Read until nothing comes any more."""
        while ready := self._epoll.poll(0.3):
            for descriptor, _ in ready:
                room, sock = self._by_descriptor[descriptor]
                room.heard += len(sock.recv(READ))

    def close(self) -> None:
        self._epoll.close()
        for room in self._rooms:
            room.close()
