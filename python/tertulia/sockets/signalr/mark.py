"""How a web worker proves to another that it is one: a mark on each request that it passes on, with the client's
address. A client cannot make it, nor anything else that reaches a worker's internal address."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Final

from tertulia.signalr.tokens import MAX_TOKEN

HEADER: Final = "x-tertulia-forwarded"
VALID_SECONDS: Final = 90
"""Either way: a request takes a while."""
PURPOSE: Final = b"requests between web workers"
"""What the keys are derived for."""


class Marks:
    """``keys`` is asked each time: the first one signs, any of them verifies. ``now``: Unix seconds on the clock of the
    fleet."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], now: Callable[[], float]) -> None:
        self._keys = keys
        self._now = now

    def make(self, client: str, target: str) -> str:
        """The mark of a request for ``target`` (path and query) of the client at the IP address ``client``."""
        said = f"{int(self._now())} {client}"
        return f"{said} {_mac(self._keys()[0], said, target)}"

    def client_of(self, mark: str, target: str) -> str | None:
        """Whose request it is; None: no web worker has made this mark for it, or too long ago."""
        said, _, mac = mark.rpartition(" ")
        seconds, _, client = said.partition(" ")
        if len(mark) > MAX_TOKEN or not mark.isascii() or not seconds.isdecimal():
            return None
        if not any(hmac.compare_digest(mac, _mac(key, said, target)) for key in self._keys()):
            return None
        return client if abs(self._now() - int(seconds)) <= VALID_SECONDS else None


def _mac(key: bytes, said: str, target: str) -> str:
    return hmac.digest(key, f"{said} {target}".encode(), hashlib.sha256).hex()
