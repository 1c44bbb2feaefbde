"""Binding the sockets to listen on."""

from __future__ import annotations

import socket

from tertulia.errors import ConfigError


def bind(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A TCP socket bound to ``host`` and ``port``; 0 is any free port.

    ``is_shared``: other sockets may be bound to the same port, and the kernel spreads connections over those that
    listen (SO_REUSEPORT).

    Raises:
        OSError: there is no such host, or the port is taken.
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
    """As :func:`bind`, for the address that clients connect to.

    Raises:
        ConfigError: it cannot be bound.
    """
    return _bind(host, port, is_shared, f"another port, such as --port {port + 1}")


def bind_operator(host: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """As :func:`bind`, for the address of what is not for clients.

    Raises:
        ConfigError: it cannot be bound.
    """
    return _bind(host, port, is_shared, "another TERTULIA_OPERATOR_LISTEN")


def _bind(host: str, port: int, is_shared: bool, other: str) -> socket.socket:
    try:
        return bind(host, port, is_shared=is_shared)
    except OSError as e:
        raise ConfigError(
            f"cannot listen on {host} port {port} ({e.strerror or e}): stop what listens there, or choose {other}"
        ) from None


def in_url(host: str) -> str:
    """A host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
