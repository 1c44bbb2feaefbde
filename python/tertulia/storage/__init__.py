"""Blob storage, where films, tracks and raw recordings are kept: a directory, S3, Azure or Google Cloud.

A key is a path of names with single slashes between them, ``recordings/{roomId}/{recordingId}/grid.mp4``. What is
stored under it is replaced as a whole or not at all.
"""

from __future__ import annotations

from tertulia.storage.address import Address
from tertulia.storage.checksum import Stored
from tertulia.storage.local import LocalStorage
from tertulia.storage.port import OpenFile, Storage
from tertulia.storage.sealed import SealedStorage
from tertulia.storage.sealing import SealingKey

__all__ = ["LocalStorage", "OpenFile", "SealedStorage", "SealingKey", "Storage", "Stored", "open_storage"]


def open_storage(url: str) -> Storage:
    """The storage at ``url``, such as ``file:///path``, ``s3://bucket/prefix``, ``az://container`` or ``gs://bucket``.

    Nothing is asked of it yet. Credentials and endpoints come from the environment: see docs/operations.md.

    Raises:
        ConfigError: it is no such URL, or its settings are wrong.
    """
    address = Address.of(url)
    if address.directory is not None:
        return LocalStorage(address.directory)
    from tertulia.storage.remote import RemoteStorage  # noqa: PLC0415 — its library is large: 30 MB of an idle process

    return RemoteStorage(address)
