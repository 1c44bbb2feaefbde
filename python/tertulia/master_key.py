"""The master key, which comes from outside and encrypts what the database keeps of secrets."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tertulia import values
from tertulia.config import PREFIX, Config
from tertulia.errors import ConfigError

_NONCE: Final = 12


class WrongMasterKey(Exception):
    """What is to be decrypted was encrypted by another key, or is something else."""


class MasterKey:
    """Encrypts secrets by AES-256-GCM. ``purpose`` binds each to its place: it is not decrypted for another one."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def wrap(self, secret: bytes, purpose: str) -> bytes:
        """A secret as it may be kept: nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, purpose.encode())

    def unwrap(self, wrapped: bytes, purpose: str) -> bytes:
        """The secret.

        Raises:
            WrongMasterKey
        """
        try:
            return self._cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], purpose.encode())
        except (InvalidTag, ValueError):
            raise WrongMasterKey from None


def read_key_file(path: Path, name: str) -> bytes:
    """The key in a file, as 32 bytes, or in base64 or hex; ``name`` is who names the file, for errors.

    Raises:
        ConfigError
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise ConfigError(f"{name}: {path} cannot be read: {e.strerror or e}") from None
    if len(data) == values.KEY_BYTES:
        return data
    try:
        return values.key(data.decode("ascii", "replace").strip())
    except ValueError as e:
        raise ConfigError(f"{name}: what is in {path} {e}") from None


def master_key(config: Config) -> MasterKey | None:
    """The master key; None: there is none.

    Raises:
        ConfigError: its file cannot be read, or holds no key.
    """
    if config.master_key is not None:
        return MasterKey(config.master_key)
    if config.master_key_file is None:
        return None
    return MasterKey(read_key_file(config.master_key_file, f"{PREFIX}MASTER_KEY_FILE"))
