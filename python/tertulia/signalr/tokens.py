"""The connection token: secret, names the worker that negotiated it, and cannot be made up.

``<worker>.<connection id>.<issued>.<flags>.<mac>``: the worker's id, the public id, seconds since 1970 and ``s`` for
stateful reconnect, all authenticated (HMAC-SHA256, 128 bits) by a key that all workers share. So a WebSocket that
lands on another worker than its negotiation did can begin there, and a poll or a post that lands elsewhere is known
to belong to its owner.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

MAC_BYTES: Final = 16
MAX_TOKEN: Final = 512
"""Characters; a longer one is nobody's."""
_WORKER: Final = re.compile(r"[A-Za-z0-9_-]*")


class Claims(Struct, frozen=True):
    """What a genuine token says."""

    worker: str
    connection_id: str
    issued: int
    stateful: bool


class Tokens:
    """Makes and reads the tokens of one worker, whose id may have letters, digits, ``-`` and ``_``.

    ``keys`` is asked each time: the first one signs, any of them verifies.
    """

    def __init__(self, keys: Callable[[], Sequence[bytes]], worker: str = "") -> None:
        if not _WORKER.fullmatch(worker):
            raise ValueError(f"A worker's id has letters, digits, - and _ only: {worker!r}")
        self._keys = keys
        self.worker = worker

    def issue(self, claims: Claims) -> str:
        """The token that says ``claims``."""
        flags = "s" if claims.stateful else ""
        body = f"{claims.worker}.{claims.connection_id}.{claims.issued}.{flags}"
        return f"{body}.{_mac(self._keys()[0], body)}"

    def read(self, token: str) -> Claims | None:
        """The claims of a token that this fleet issued, else None."""
        body, _, mac = token.rpartition(".")
        if not token.isascii() or len(token) > MAX_TOKEN:
            return None
        if not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys()):
            return None
        worker, connection_id, issued, flags = body.split(".")
        return Claims(worker, connection_id, int(issued), flags == "s")


def _mac(key: bytes, body: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, body.encode(), hashlib.sha256)[:MAC_BYTES]).decode().rstrip("=")
