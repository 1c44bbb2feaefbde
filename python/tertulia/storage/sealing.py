"""How an object is encrypted: a head, then chunks, by the STREAM construction, as age and Tink have it.

========  ==============================================================================================================
bytes     what
========  ==============================================================================================================
8         ``TERTENC1``
16        the id of the tenant's key, a UUID
32        salt: random, another one for each object
the rest  chunks: 65,536 bytes encrypted by AES-256-GCM, and a tag of 16. The last may be shorter, and is empty only
          if the object is
========  ==============================================================================================================

The key of an object comes by HKDF-SHA256 from the tenant's key and the salt, head and name of the object. The nonce of
a chunk is its number in 11 bytes and a byte that is 1 for the last one. So a chunk that is changed, moved, left out, or
from another object is not decrypted; and what is cut off after a chunk has no last one.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tertulia.errors import StorageError

KEY_BYTES: Final = 32
CHUNK: Final = 65_536
"""Bytes of plaintext."""
TAG: Final = 16
SEALED_CHUNK: Final = CHUNK + TAG
_MAGIC: Final = b"TERTENC1"
_SALT: Final = 32
HEAD: Final = len(_MAGIC) + 16 + _SALT
"""Bytes before the first chunk."""


class Tampered(StorageError):
    """What is stored is not what was stored, or its key is another one."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name} cannot be decrypted: {why}", is_retryable=False)


class SealingKey(NamedTuple):
    """A tenant's key."""

    id: str
    """A UUID."""
    secret: bytes


class Head(NamedTuple):
    """What an object begins with."""

    key_id: str
    salt: bytes

    @classmethod
    def new(cls, key_id: str) -> Head:
        """Of another object."""
        return cls(key_id, secrets.token_bytes(_SALT))

    @classmethod
    def read(cls, data: bytes) -> Head | None:
        """The head in the first :data:`HEAD` bytes of an object; None: it is not encrypted."""
        if len(data) < HEAD or not data.startswith(_MAGIC):
            return None
        begin = len(_MAGIC) + 16
        return cls(str(uuid.UUID(bytes=data[len(_MAGIC) : begin])), data[begin:HEAD])

    def encode(self) -> bytes:
        """As bytes."""
        return _MAGIC + uuid.UUID(self.key_id).bytes + self.salt


class Seal:
    """Encrypts and decrypts the chunks of the object with this ``head`` and ``name``."""

    def __init__(self, secret: bytes, head: Head, name: str) -> None:
        derived = HKDF(SHA256(), 32, head.salt, b"tertulia object " + head.encode() + name.encode())
        self._cipher = AESGCM(derived.derive(secret))
        self._name = name

    def encrypt(self, number: int, data: bytes, *, is_last: bool) -> bytes:
        """A chunk, from its plaintext."""
        return self._cipher.encrypt(_nonce(number, is_last), data, None)

    def decrypt(self, number: int, data: bytes, *, is_last: bool) -> bytes:
        """The plaintext of a chunk.

        Raises:
            Tampered
        """
        try:
            return self._cipher.decrypt(_nonce(number, is_last), data, None)
        except InvalidTag:
            raise Tampered(self._name, f"chunk {number} is not what was stored, or the key is another one") from None


def plain_size(name: str, stored: int) -> int:
    """How many bytes are in an encrypted object of ``stored`` bytes.

    Raises:
        Tampered: none has this size.
    """
    body = stored - HEAD
    chunks = chunks_of(stored)
    last = body - (chunks - 1) * SEALED_CHUNK
    if last < TAG or (last == TAG and chunks > 1):
        raise Tampered(name, "it was cut off")
    return body - chunks * TAG


def chunks_of(stored: int) -> int:
    """How many chunks an encrypted object of ``stored`` bytes has; one, if it is too short for any."""
    return max(1, -(-(stored - HEAD) // SEALED_CHUNK))


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])
