"""Idempotency keys: which request is being answered, and what the answer was, encrypted.

A request claims its key for :data:`LEASE`, and finishes or forgets it before. If the web worker dies, the next attempt
takes over the claim when the lease has run out, with the same ``made_id``: what the first attempt made under that id is
found, not made again.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from tertulia.db.engine import Database, insert_new
from tertulia.db.sealed_answer import AnswerSeal
from tertulia.db.tables import IDEMPOTENCY_KEYS as KEYS
from tertulia.errors import FieldError, InProgress, Invalid
from tertulia.ids import new_uuid

KEPT: Final = timedelta(hours=24)
"""How long the same answer is given again."""
LEASE: Final = timedelta(seconds=30)
"""Longer than any request takes (rest/api.py has that deadline)."""
HEADER: Final = "Idempotency-Key"


class Claim(NamedTuple):
    """Carry out the request, and give what it makes the id ``made_id``. ``again``: an attempt was broken off."""

    digest: str
    made_id: str
    again: bool


class Done(NamedTuple):
    """The request was carried out, with this answer."""

    status: int
    answer: str


def digest(*parts: str) -> str:
    """One name for a caller, method, path and key."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Idempotency:
    """The table of idempotency keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, key: str, request: str, seal: AnswerSeal, at: datetime) -> Claim | Done:
        """Claim ``key`` (see :func:`digest`) for a request whose body has the digest ``request``.

        An answer that ``seal`` cannot decrypt is made again, under the same ``made_id``.

        Raises:
            Invalid: the key was used with another body.
            InProgress: the same request is being carried out.
        """
        made_id = new_uuid()
        fresh = {
            "digest": key,
            "request": request,
            "made_id": made_id,
            "created_at": at,
            "leased_until": at + LEASE,
            "status": None,
            "sealed": None,
        }
        ours = KEYS.c.digest == key
        async with self._database.write() as connection:
            if (await connection.execute(insert_new(connection, KEYS, fresh))).rowcount:
                return Claim(key, made_id, again=False)
            row = (await connection.execute(sa.select(KEYS).where(ours).with_for_update())).one_or_none()
            if row is None:  # forgotten in between: the first attempt was refused and changed nothing
                raise InProgress("the same request has just been answered: send it again")
            if row.created_at <= at - KEPT:
                await connection.execute(sa.update(KEYS).where(ours).values(fresh))
                return Claim(key, made_id, again=False)
            if row.request != request:
                raise Invalid([FieldError(HEADER, "was used with another body within 24 hours")])
            answer = None if row.sealed is None else seal.open(row.sealed)
            if answer is not None:
                return Done(row.status, answer)
            if row.leased_until is not None and row.leased_until > at:
                raise InProgress("the same request is being carried out: send it again in a moment")
            taken = {"leased_until": at + LEASE, "status": None, "sealed": None}
            await connection.execute(sa.update(KEYS).where(ours).values(taken))
            return Claim(key, row.made_id, again=True)

    async def finish(self, claim: Claim, done: Done, seal: AnswerSeal) -> None:
        """Store the answer."""
        stores = sa.update(KEYS).where(KEYS.c.digest == claim.digest)
        stored = {"status": done.status, "sealed": seal.seal(done.answer), "leased_until": None}
        async with self._database.write() as connection:
            await connection.execute(stores.values(stored))

    async def forget(self, claim: Claim) -> None:
        """Free the key: the request was refused and changed nothing."""
        unanswered = sa.and_(KEYS.c.digest == claim.digest, KEYS.c.status.is_(None))
        async with self._database.write() as connection:
            await connection.execute(sa.delete(KEYS).where(unanswered))

    async def break_off(self, claim: Claim) -> None:
        """Let the next attempt take over, with the same ``made_id``: whether the request took effect is not known."""
        unanswered = sa.and_(KEYS.c.digest == claim.digest, KEYS.c.status.is_(None))
        async with self._database.write() as connection:
            await connection.execute(sa.update(KEYS).where(unanswered).values(leased_until=None))

    async def purge(self, at: datetime) -> None:
        """Delete keys that are older than :data:`KEPT`."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(KEYS).where(KEYS.c.created_at <= at - KEPT))
