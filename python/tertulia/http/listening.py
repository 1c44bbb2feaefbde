"""Sockets to listen with, and their hosts in URLs."""

from __future__ import annotations

import socket

from tertulia.errors import ConfigError


def bind(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A TCP socket bound there; port 0 is any free one. A port that was in use a moment ago is free.

    ``is_shared``: others may be bound to it too, and the kernel spreads connections over those that listen
    (SO_REUSEPORT).

    Raises:
        OSError: there is no such host, or somebody else is there.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def bind_public(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """The same for the address that clients connect to. Raises ConfigError: it cannot be had."""
    try:
        return bind(host, port, is_shared=is_shared)
    except OSError as e:
        raise ConfigError(
            f"cannot listen on {host} port {port} ({e.strerror or e}): "
            f"stop what listens there, or take another with --port {port + 1}"
        ) from None


def in_url(host: str) -> str:
    """A host as URLs have it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host
