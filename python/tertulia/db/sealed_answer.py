"""Answers that are kept for Idempotency-Keys, encrypted: they hold tokens.

The key of an answer comes by HKDF-SHA256 from a secret of the server and from all that names the request: caller,
method, path and Idempotency-Key. The database has only a digest of these. The signing keys, from which the secret is
derived, are in the database too: against somebody who has read all of it, an Idempotency-Key protects its answer only
if it cannot be guessed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE: Final = b"tertulia idempotency answers"
"""What the server's secrets are derived for (see :meth:`tertulia.tokens.Tokens.derived`)."""
_NONCE: Final = 12


class AnswerSeal:
    """Encrypts the answer to one request by AES-256-GCM.

    ``secrets_of_server``: the first encrypts; what any of them has encrypted is decrypted. ``name``: what names the
    request, the Idempotency-Key among it.
    """

    def __init__(self, secrets_of_server: Sequence[bytes], name: tuple[str, ...]) -> None:
        name_bytes = "\0".join(name).encode()
        self._ciphers = [AESGCM(_key(secret, name_bytes)) for secret in secrets_of_server]

    def seal(self, answer: str) -> bytes:
        """The answer as it is kept: nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, answer.encode(), None)

    def open(self, sealed: bytes) -> str | None:
        """The answer; None: the secret that encrypted it was revoked."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()
            except InvalidTag:
                continue
        return None


def _key(secret: bytes, name: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=secret, info=PURPOSE).derive(name)
