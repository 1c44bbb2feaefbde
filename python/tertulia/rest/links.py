"""Addresses of stored files, which anybody who has one may read until it expires.

A bucket signs its own. For files in a directory, and for what is encrypted, this server signs them, with a key that
comes from its signing keys: ``/v1/files/{key}?expires={Unix seconds}&signature=…``, and ``sealed=1`` for what is
encrypted.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import math
import time
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tertulia import times
from tertulia.db.keyring import Keyring
from tertulia.errors import Forbidden, StorageError, Unavailable
from tertulia.rest.addresses import Base
from tertulia.storage import SealedStorage

FILES: Final = "/v1/files"
"""The path of this server's own."""
LEAST_SECONDS: Final = 11 * 3600
"""How long an address is valid at least: whoever plays a long film, with breaks, needs it until the end."""
_STEP: Final = 3600
"""Addresses expire on the hour, so that those given within an hour are the same, and players need not begin anew."""
_PURPOSE: Final = b"tertulia files"
_SEALED_PURPOSE: Final = b"tertulia encrypted files"
_MAX_DIGITS: Final = 12
_ORIGIN_SECONDS: Final = 1.0
"""How long the page may wait for a bucket's origin. Signing asks others only where credentials are a machine's."""
_ASK_AGAIN_SECONDS: Final = 30.0


class Link(NamedTuple):
    """An address, and until when it is valid."""

    url: str
    expires_at: datetime


class Links:
    """Signs and checks addresses of what is in ``storage``."""

    def __init__(self, storage: SealedStorage, keyring: Keyring) -> None:
        self.storage = storage
        self._keyring = keyring
        self._origin: str | None = None
        self._ask_origin_at = 0.0

    def now(self) -> float:
        """Unix seconds on the clock of the fleet: addresses that one web worker signs are checked by others."""
        return self._keyring.now()

    async def link(self, base: Base, key: str, now: float, *, is_sealed: bool = False) -> Link:
        """An address of what is stored under ``key``; ``base`` is this server's. ``is_sealed``: it is encrypted.

        Raises:
            Unavailable: the storage cannot sign it.
        """
        expires = (math.floor(now + LEAST_SECONDS) // _STEP + 1) * _STEP
        try:
            url = None if is_sealed else await self.storage.sign(key, expires - math.floor(now))
        except StorageError as e:
            raise Unavailable(e.message) from None
        return Link(url or self._own(base, key, expires, is_sealed), times.from_seconds(expires))

    async def origin(self) -> str | None:
        """The origin of a bucket's addresses; None: they are this server's own, or the bucket cannot sign now."""
        if self._origin is None and time.monotonic() >= self._ask_origin_at:
            self._ask_origin_at = time.monotonic() + _ASK_AGAIN_SECONDS
            try:
                async with asyncio.timeout(_ORIGIN_SECONDS):
                    url = urlsplit(await self.storage.sign("origin", 60) or "")
            except (StorageError, TimeoutError):
                return None
            self._origin = f"{url.scheme}://{url.netloc}" if url.netloc else ""
        return self._origin or None

    def check(self, key: str, expires: str, signature: str, now: float, *, is_sealed: bool = False) -> None:
        """Check that this server signed an address, and that it is valid. ``is_sealed``: it says ``sealed=1``.

        Raises:
            Forbidden
        """
        given = signature.encode()
        known = [_sign(secret, key, expires) for secret in self._secrets(is_sealed)]
        if not any(hmac.compare_digest(given, it) for it in known):
            raise Forbidden("the address was not signed by this server, or was changed")
        if len(expires) > _MAX_DIGITS or int(expires) <= now:
            raise Forbidden("the address has expired: ask for the recording again")

    def _secrets(self, is_sealed: bool) -> list[bytes]:
        """What addresses are signed with: an address of one kind is none of the other."""
        return self._keyring.tokens.derived(_SEALED_PURPOSE if is_sealed else _PURPOSE)

    def _own(self, base: Base, key: str, expires: int, is_sealed: bool) -> str:
        # The oldest key, which every web worker knows.
        signature = _sign(self._secrets(is_sealed)[0], key, str(expires)).decode()
        return f"{base.url}{FILES}/{key}?expires={expires}&signature={signature}{'&sealed=1' if is_sealed else ''}"


def _sign(secret: bytes, key: str, expires: str) -> bytes:
    digest = hmac.digest(secret, f"{expires}\n{key}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=")
