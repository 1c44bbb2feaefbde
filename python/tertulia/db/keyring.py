"""The copy of the signing keys that each web worker keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from tertulia.db.signing_keys import SigningKeys
from tertulia.errors import ConfigError, Unavailable
from tertulia.ids import TenantId
from tertulia.outage import Outage, repeat
from tertulia.tokens import InviteClaims, RoomClaims, Tokens, UnknownKey

RELOAD_SECONDS: Final = 30.0
"""How soon every web worker knows of a rotation or revocation."""
_EAGER_SECONDS: Final = 1.0
"""The least time between two readings because of unknown key ids, as anyone can send one."""


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
        self._making = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the keys.

        Raises:
            Unavailable
            ConfigError: they are encrypted, and the master key is missing, or another one.
        """
        await self._read()
        outage = Outage(
            "the signing keys cannot be read again; the known ones stay in use", "the signing keys are read again"
        )
        self._task = asyncio.create_task(repeat(self._read, lambda: RELOAD_SECONDS, outage), name="keyring")

    async def stop(self) -> None:
        """Stop reading them."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def tokens(self) -> Tokens:
        """The present keys, to verify without reading the keys again."""
        if self._tokens is None:
            raise RuntimeError("the keyring is not started")
        return self._tokens

    async def issuing(self, tenant: TenantId) -> Tokens:
        """The keys, to issue tokens of the tenant. A tenant that has no key gets one.

        Raises:
            Unavailable
            NotFound: there is no such tenant.
        """
        if not self.tokens.signs_for(tenant):
            async with self._making:
                if not self.tokens.signs_for(tenant):
                    await self._keys.ensure(tenant, self.now())
                    await self._read_now()
        return self.tokens

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
        self._tokens = Tokens(await self._keys.all(self.now()))

    async def _read_now(self) -> None:
        """The same for a request, which can do nothing about a master key."""
        try:
            await self._read()
        except ConfigError as e:
            raise Unavailable(e.message) from None

    async def _read_eagerly(self) -> None:
        """Read the keys now. Of many callers at once, one reads for all."""
        asked = time.monotonic()
        async with self._reading:
            if self._tried_at <= asked:
                await asyncio.sleep(self._tried_at + _EAGER_SECONDS - asked)
                self._tried_at = time.monotonic()
                self._failure = Unavailable("the signing keys cannot be read")
                await self._read_now()
                self._failure = None
            elif self._failure is not None:
                raise Unavailable(self._failure.message)
