"""Keys: which are valid, and what is behind them by their ending."""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}")
"""Of a file or a directory anywhere: nothing hidden, nothing that a store or a URL has a meaning for."""
_MAX_KEY: Final = 900
"""Characters: S3 allows 1,024, with the prefix of the storage."""
_TYPES: Final = {
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
}


def is_key(key: str) -> bool:
    """Whether ``key`` may be used."""
    return len(key) <= _MAX_KEY and all(_NAME.fullmatch(name) for name in key.split("/"))


def check_key(key: str) -> str:
    """``key``, if it is one.

    Raises:
        ValueError
    """
    if not is_key(key):
        raise ValueError(f"{key!r} is not a key of the storage")
    return key


def check_prefix(prefix: str) -> str:
    """``prefix``, if it ends with a slash and is a key without it. (So nothing stands for the whole storage.)

    Raises:
        ValueError
    """
    if not prefix.endswith("/"):
        raise ValueError(f"{prefix!r} does not end with a slash")
    return check_key(prefix[:-1]) + "/"


def content_type(key: str) -> str:
    """The media type of what is stored under ``key``."""
    return _TYPES.get(key.rpartition(".")[2], "application/octet-stream")
