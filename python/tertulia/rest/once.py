"""A POST with an Idempotency-Key is carried out once: the same request gets the same answer again, for 24 hours."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from tertulia.db.idempotency import HEADER, Claim, Done, Idempotency, digest
from tertulia.db.sealed_answer import AnswerSeal
from tertulia.errors import FieldError, Invalid, Refused
from tertulia.rest.operation import Answer

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")


class Attempt(Protocol):
    """A request that can be carried out."""

    async def run(self, made_id: str, *, again: bool) -> Answer:
        """Carry it out. What it makes gets ``made_id``; ``again``: an earlier try may have taken effect."""

    def check_accept(self) -> None:
        """The check that an answer given again needs, too. Raises NotAcceptable."""


class Once:
    """Keeps answers by the key, the caller, the method and the path. ``secrets``: see :class:`AnswerSeal`."""

    def __init__(
        self, idempotency: Idempotency, secrets: Callable[[], Sequence[bytes]], now: Callable[[], datetime]
    ) -> None:
        self._idempotency = idempotency
        self._secrets = secrets
        self._now = now

    async def run(self, key: str, name: tuple[str, ...], content: bytes, attempt: Attempt) -> Done:
        """The answer to a request with ``key`` and a body that says ``content``.

        Raises:
            Invalid: the key is not one, or was used with another body.
            InProgress: the same request is being carried out.
        """
        if not _KEY.fullmatch(key):
            raise Invalid([FieldError(HEADER, "must be 1 to 255 visible ASCII characters")])
        # A hash of the content alone would give a password in it away to whoever reads SQL: that has no keys.
        fingerprint = hmac.digest("\0".join((*name, key)).encode(), content, "sha256").hex()
        seal = AnswerSeal(self._secrets(), (*name, key))
        claim = await self._idempotency.claim(digest(*name, key), fingerprint, seal, self._now())
        if isinstance(claim, Done):
            attempt.check_accept()
            return claim
        return await self._carry_out(claim, seal, attempt)

    async def _carry_out(self, claim: Claim, seal: AnswerSeal, attempt: Attempt) -> Done:
        try:
            answer = await attempt.run(claim.made_id, again=claim.again)
        except Refused:
            # An earlier try may have taken effect: what it made is found again by the claim's id only.
            await (self._idempotency.break_off if claim.again else self._idempotency.forget)(claim)
            raise
        except BaseException:
            await self._idempotency.break_off(claim)
            raise
        done = Done(answer.status, encode(answer).decode())
        await self._idempotency.finish(claim, done, seal)
        return done


def encode(answer: Answer) -> bytes:
    """The body of an answer."""
    return b"" if answer.body is msgspec.UNSET else msgspec.json.encode(answer.body)
