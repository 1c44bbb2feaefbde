"""The signing keys, shared by all workers through SQL, and the ring each worker keeps of them."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import sqlalchemy as sa
import structlog

from tertulia import times
from tertulia.db.engine import Database
from tertulia.db.tables import SIGNING_KEYS
from tertulia.errors import Unavailable
from tertulia.tokens import (
    INVITE_MAX_SECONDS,
    InviteClaims,
    RoomClaims,
    SigningKey,
    Tokens,
    UnknownKey,
    new_signing_key,
)

RELOAD_SECONDS: Final = 30.0
"""How soon every worker has heard of a rotation or a revocation."""
_EAGER_SECONDS: Final = 1.0
"""The least time between two readings that unknown key ids cause: anyone can send one."""

_log = structlog.get_logger(__name__)


class SigningKeys:
    """The table of signing keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[SigningKey]:
        """Every key, the oldest first; the first one is made where there is none."""
        query = sa.select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.created_at)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        if not any(row.retired_at is None for row in rows):
            return await self.rotate(time.time())
        return [_as_key(row) for row in rows]

    async def rotate(self, now: float, *, revoke: bool = False) -> list[SigningKey]:
        """Make a new key that signs from now on; the others only verify, or with ``revoke`` not even that.

        Keys that have nothing left to verify are dropped.
        """
        key = new_signing_key(now)
        at = times.from_seconds(now)
        values = {"kid": key.kid, "secret": key.secret, "created_at": at, "retired_at": None}
        async with self._database.write() as connection:
            if revoke:
                await connection.execute(sa.delete(SIGNING_KEYS))
            else:
                expired = SIGNING_KEYS.c.retired_at < times.from_seconds(now - INVITE_MAX_SECONDS)
                await connection.execute(sa.delete(SIGNING_KEYS).where(expired))
                active = SIGNING_KEYS.c.retired_at.is_(None)
                await connection.execute(sa.update(SIGNING_KEYS).where(active).values(retired_at=at))
            await connection.execute(sa.insert(SIGNING_KEYS).values(values))
        return await self.all()


def _as_key(row: sa.Row[Any]) -> SigningKey:
    retired_at = row.retired_at.timestamp() if row.retired_at else None
    return SigningKey(row.kid, row.secret, row.created_at.timestamp(), retired_at)


class Keyring:
    """A worker's ring: read at the start, each RELOAD_SECONDS, and when a token names a key it does not have."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys
        self._tokens: Tokens | None = None
        self._tried_at = -_EAGER_SECONDS
        self._failure: Unavailable | None = None
        """Of the last reading that an unknown key id caused."""
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the keys; raises Unavailable."""
        await self._read()
        self._task = asyncio.create_task(self._reload(), name="keyring")

    async def stop(self) -> None:
        """End the reloading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def tokens(self) -> Tokens:
        """To issue with, and to verify where a fresh key need not be known yet."""
        if self._tokens is None:
            raise RuntimeError("the keyring is not started")
        return self._tokens

    async def verify_room(self, token: str) -> RoomClaims:
        """What a room token says now; raises BadToken."""
        try:
            return self.tokens.verify_room(token, time.time())
        except UnknownKey:
            await self._read_eagerly()
            return self.tokens.verify_room(token, time.time())

    async def verify_invite(self, token: str) -> InviteClaims:
        """What an invite says now; raises BadToken."""
        try:
            return self.tokens.verify_invite(token, time.time())
        except UnknownKey:
            await self._read_eagerly()
            return self.tokens.verify_invite(token, time.time())

    async def _read(self) -> None:
        self._tokens = Tokens(await self._keys.all())

    async def _read_eagerly(self) -> None:
        """Read once more; of many who ask meanwhile, one reads for all. Raises Unavailable."""
        asked = time.monotonic()
        async with self._reading:
            if self._tried_at <= asked:
                await asyncio.sleep(self._tried_at + _EAGER_SECONDS - asked)
                self._tried_at = time.monotonic()
                self._failure = Unavailable("the signing keys cannot be read")
                await self._read()
                self._failure = None
            elif self._failure is not None:
                raise Unavailable(self._failure.message)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                await self._read()
            except Unavailable as e:
                _log.warning("signing keys not read again, the known ones go on", error=e.message)
            except Exception:  # noqa: BLE001 - a loop that ends would never be missed, and revoked keys count on
                _log.exception("signing keys not read again by a fault of ours")
