"""Passwords of invites: hashed by Argon2id (RFC 9106), and guessed slowly."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tertulia.errors import WrongPassword
from tertulia.limits import Lease, SharedLimit

_MEMORY_KIB: Final = 19 * 1024
_ITERATIONS: Final = 2
"""With the above what OWASP recommends at least for one lane: some 30 ms."""
_AT_ONCE: Final = 2
"""Hashes that a web worker computes at once: they take memory and a core."""
PER_SITE: Final = 2
PER_INVITE: Final = 20
"""Passwords a second, for one invite from one address, and for one invite in all: enough for a meeting that begins."""
_WRONG_FROM_SITE: Final = 3
_WRONG_IN_ALL: Final = 10
"""A wrong one counts as so many more: in the long run a guess each 2 s from one address, and two a second in all."""


class Passwords:
    """Hashes and checks passwords. Its limits hold in development too."""

    def __init__(self, take: Lease) -> None:
        """``take`` is from the buckets that all web workers share."""
        self._by_site = SharedLimit("password from", PER_SITE, take)
        self._by_invite = SharedLimit("password of", PER_INVITE, take)
        self._computing = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is kept of a password: in PHC format, with its salt."""
        async with self._computing:
            return await asyncio.to_thread(_hash, password)

    async def check(self, password: str, hashed: str, invite_id: str, site: str) -> None:
        """Check the password of an invite, which somebody at ``site`` sends.

        Raises:
            RateLimited: too many were tried.
            WrongPassword
        """
        from_site = f"{invite_id} {site}"
        await self._by_site.take(from_site, time.monotonic())
        await self._by_invite.take(invite_id, time.monotonic())
        async with self._computing:
            is_right = await asyncio.to_thread(_is_right, password, hashed)
        if not is_right:
            await self._by_site.charge(from_site, time.monotonic(), _WRONG_FROM_SITE)
            await self._by_invite.charge(invite_id, time.monotonic(), _WRONG_IN_ALL)
            raise WrongPassword("this is not the password of the invite: ask whoever sent you the link")


def _hash(password: str) -> str:
    argon = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=_ITERATIONS, lanes=1, memory_cost=_MEMORY_KIB)
    return argon.derive_phc_encoded(password.encode())


def _is_right(password: str, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), hashed)
    except InvalidKey:
        return False
    return True
