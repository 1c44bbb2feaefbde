"""The codes of invites, which make short links: ``/m/abcd-efgh-jkmn``, 12 of 31 characters.

A code comes from the invite's id and a signing key, so that whoever may list the invites can be shown it again; the
database has a keyed hash of it only. It is a credential: as a Bearer it opens its invite, and nothing else.
"""

from __future__ import annotations

import hmac
import re
from typing import Final, NamedTuple

from tertulia.db.keyring import Keyring
from tertulia.db.models import Invite

_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without those that look like another: 0 and o, 1, i and l."""
_LENGTH: Final = 12
"""59 bits. With a million invites that are valid, one guess in 790 billion is right."""
_CODE: Final = re.compile(rf"(?:[{_LETTERS}]{{4}}-){{2}}[{_LETTERS}]{{4}}")
_PURPOSE: Final = b"tertulia invite codes"
_HASH_PURPOSE: Final = b"tertulia hashes of invite codes"


class Code(NamedTuple):
    """A code, and what the database has of it."""

    text: str
    hash: bytes


def is_code(credential: str) -> bool:
    """Whether this looks like a code, in either case."""
    return _CODE.fullmatch(credential.lower()) is not None


class Codes:
    """Makes codes and finds them again. Revoking the signing keys revokes the codes that come from them."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def new(self, invite_id: str) -> Code:
        """The code of a new invite: by the youngest key, since older ones may be deleted before it expires."""
        return self._all(invite_id)[-1]

    def of(self, invite: Invite) -> str | None:
        """The code of an invite; None: it has none, or its key was revoked."""
        if invite.code_hash is None:
            return None
        return next((code.text for code in self._all(invite.id) if code.hash == invite.code_hash), None)

    def hashes(self, code: str) -> list[bytes]:
        """What the database may have of a code."""
        return [_hash(secret, code.lower()) for secret in self._keyring.tokens.derived(_HASH_PURPOSE)]

    def _all(self, invite_id: str) -> list[Code]:
        tokens = self._keyring.tokens
        pairs = zip(tokens.derived(_PURPOSE), tokens.derived(_HASH_PURPOSE), strict=True)
        texts = [(_text(secret, invite_id), of_hashes) for secret, of_hashes in pairs]
        return [Code(text, _hash(secret, text)) for text, secret in texts]


def _hash(secret: bytes, code: str) -> bytes:
    return hmac.digest(secret, code.encode(), "sha256")


def _text(secret: bytes, invite_id: str) -> str:
    number = int.from_bytes(hmac.digest(secret, invite_id.encode(), "sha256"))
    letters = []
    for _ in range(_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    text = "".join(letters)
    return f"{text[:4]}-{text[4:8]}-{text[8:]}"
