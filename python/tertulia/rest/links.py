"""Addresses of stored files, which anybody who has one may read until it expires.

A bucket signs its own. For files in a directory this server signs them, with a key that comes from its signing keys:
``/v1/files/{key}?expires={Unix seconds}&signature=…``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tertulia import times
from tertulia.db.keyring import Keyring
from tertulia.errors import Forbidden, StorageError, Unavailable
from tertulia.rest.addresses import Base
from tertulia.storage import Storage

FILES: Final = "/v1/files"
"""The path of this server's own."""
LEAST_SECONDS: Final = 11 * 3600
"""How long an address is valid at least: whoever plays a long film, with breaks, needs it until the end."""
_STEP: Final = 3600
"""Addresses expire on the hour, so that those given within an hour are the same, and players need not begin anew."""
_PURPOSE: Final = b"tertulia files"
_MAX_DIGITS: Final = 12


class Link(NamedTuple):
    """An address, and until when it is valid."""

    url: str
    expires_at: datetime


class Links:
    """Signs and checks addresses of what is in ``storage``."""

    def __init__(self, storage: Storage, keyring: Keyring) -> None:
        self.storage = storage
        self._keyring = keyring
        self._origin: str | None = None

    async def link(self, base: Base, key: str, now: float) -> Link:
        """An address of what is stored under ``key``; ``base`` is this server's.

        Raises:
            Unavailable: the storage cannot sign it.
        """
        expires = (math.floor(now + LEAST_SECONDS) // _STEP + 1) * _STEP
        try:
            url = await self.storage.sign(key, expires - math.floor(now))
        except StorageError as e:
            raise Unavailable(e.message) from None
        return Link(url or self._own(base, key, expires), times.from_seconds(expires))

    async def origin(self) -> str | None:
        """The origin of a bucket's addresses; None: they are this server's own, or the bucket cannot sign now."""
        if self._origin is None:
            try:
                url = urlsplit(await self.storage.sign("origin", 60) or "")
            except StorageError:
                return None
            self._origin = f"{url.scheme}://{url.netloc}" if url.netloc else ""
        return self._origin or None

    def check(self, key: str, expires: str, signature: str, now: float) -> None:
        """Check that this server signed an address, and that it is valid.

        Raises:
            Forbidden
        """
        given = signature.encode()
        known = [_sign(secret, key, expires) for secret in self._keyring.tokens.derived(_PURPOSE)]
        if not any(hmac.compare_digest(given, it) for it in known):
            raise Forbidden("the address was not signed by this server, or was changed")
        if len(expires) > _MAX_DIGITS or int(expires) <= now:
            raise Forbidden("the address has expired: ask for the recording again")

    def _own(self, base: Base, key: str, expires: int) -> str:
        # The oldest key, which every web worker knows.
        secret = self._keyring.tokens.derived(_PURPOSE)[0]
        signature = _sign(secret, key, str(expires)).decode()
        return f"{base.url}{FILES}/{key}?expires={expires}&signature={signature}"


def _sign(secret: bytes, key: str, expires: str) -> bytes:
    digest = hmac.digest(secret, f"{expires}\n{key}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=")
