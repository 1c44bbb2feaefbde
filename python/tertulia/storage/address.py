"""The URL of a storage."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tertulia.errors import ConfigError


class Address(NamedTuple):
    """A URL that was checked. ``name`` is how messages and logs call the storage: it holds no credential."""

    url: str
    name: str
    directory: Path | None
    """Of a local storage."""

    @classmethod
    def of(cls, url: str) -> Address:
        """The address in ``url``.

        Raises:
            ConfigError: it is not one of a storage.
        """
        parts = urlsplit(url)
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigError("TERTULIA_STORAGE_URL: leave out credentials and options, which the environment has")
        if parts.scheme == "file":
            return cls(url, url, _directory(parts.netloc, parts.path))
        if not parts.netloc:
            raise ConfigError(f"TERTULIA_STORAGE_URL {url} names no bucket: write {parts.scheme}://bucket/prefix")
        return cls(url, url, None)


def _directory(host: str, path: str) -> Path:
    if host not in ("", "localhost") or not path.startswith("/"):
        raise ConfigError("TERTULIA_STORAGE_URL: write a local directory with three slashes, as file:///path")
    return Path(unquote(path))
