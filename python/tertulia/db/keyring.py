"""The signing keys, shared by all web workers through SQL, and the copy that each worker keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
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
"""How soon every web worker knows of a rotation or revocation."""
_EAGER_SECONDS: Final = 1.0
"""The least time between two readings because of unknown key ids, as anyone can send one."""

_log = structlog.get_logger(__name__)


class SigningKeys:
    """The table of signing keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[SigningKey]:
        """All keys, the oldest first. If none signs, one is created."""
        query = sa.select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.created_at)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        if not any(row.retired_at is None for row in rows):
            return await self.rotate(time.time())
        return [_as_key(row) for row in rows]

    async def rotate(self, now: float, *, revoke: bool = False) -> list[SigningKey]:
        """Create the key that signs from now on. The others only verify, or are deleted with ``revoke``.

        Keys with nothing left to verify are deleted. Returns all keys.
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
    """A web worker's copy of the keys, read at the start, regularly, and when a token names another key.

    ``now`` is the clock by which tokens expire: one for the whole fleet.
    """

    def __init__(self, keys: SigningKeys, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self.now = now
        self._tokens: Tokens | None = None
        self._tried_at = -_EAGER_SECONDS
        self._failure: Unavailable | None = None
        """Of the last reading because of an unknown key id."""
        self._reading = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the keys.

        Raises:
            Unavailable
        """
        await self._read()
        self._task = asyncio.create_task(self._reload(), name="keyring")

    async def stop(self) -> None:
        """Stop reading them."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def tokens(self) -> Tokens:
        """The present keys: to issue tokens, or to verify without reading the keys again."""
        if self._tokens is None:
            raise RuntimeError("the keyring is not started")
        return self._tokens

    async def verify_room(self, token: str) -> RoomClaims:
        """What a room token says.

        Raises:
            BadToken, Unavailable
        """
        try:
            return self.tokens.verify_room(token, self.now())
        except UnknownKey:
            await self._read_eagerly()
            return self.tokens.verify_room(token, self.now())

    async def verify_invite(self, token: str) -> InviteClaims:
        """What an invite says.

        Raises:
            BadToken, Unavailable
        """
        try:
            return self.tokens.verify_invite(token, self.now())
        except UnknownKey:
            await self._read_eagerly()
            return self.tokens.verify_invite(token, self.now())

    async def read_again(self) -> bool:
        """Read the keys for what the present ones do not find. Returns whether there are others now.

        Raises:
            Unavailable
        """
        before = self.tokens.kids
        await self._read_eagerly()
        return self.tokens.kids != before

    async def _read(self) -> None:
        self._tokens = Tokens(await self._keys.all())

    async def _read_eagerly(self) -> None:
        """Read the keys now. Of many callers at once, one reads for all."""
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
                _log.warning("the signing keys cannot be read again; the known ones stay in use", error=e.message)
            except Exception:  # noqa: BLE001 - if this loop ended, nobody would notice, and revoked keys would stay valid
                _log.exception("reading the signing keys failed; it is tried again")
