"""Options of TCP sockets."""

from __future__ import annotations

import socket
from typing import Final

_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
)
VANISHED_SECONDS: Final = 60
"""Unless said otherwise."""


def enable_keepalive(sock: socket.socket, vanished: int = VANISHED_SECONDS) -> None:
    """Have the kernel notice within a minute that the peer has vanished: a machine that is gone sends no FIN; and after
    ``vanished`` seconds that it takes nothing of what is sent (Linux: also if it says so)."""
    for level, option, value in _OPTIONS:
        sock.setsockopt(level, option, value)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, vanished * 1000)
