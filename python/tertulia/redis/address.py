"""From a Redis URL: where to connect, and as whom."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from tertulia.errors import ConfigError

DEFAULT_PORT: Final = 6379
_TLS: Final = {"redis": False, "valkey": False, "redis+cluster": False, "rediss": True, "valkeys": True}
_TLS["rediss+cluster"] = True


class Address(NamedTuple):
    """A server's host and port; port 0: ``host`` is the path of a Unix socket."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


class Target(Struct, frozen=True, kw_only=True):
    """What a URL says. Not to be logged: it holds the password."""

    seeds: tuple[Address, ...]
    """One server, or some servers of a cluster."""
    tls: bool = False
    database: int = 0
    username: str | None = None
    password: str | None = None


def parse_url(url: str) -> Target:
    """``redis://[user[:password]@]host[:port][,host…][/database]``, ``rediss://`` for TLS, ``unix:///path?db=0``.

    ``valkey``, ``valkeys``, ``redis+cluster`` and ``rediss+cluster`` mean the same: the server says whether it is a
    cluster.

    Raises:
        ConfigError: it is not such a URL. The message leaves the URL out, as it may hold a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError("the Redis URL cannot be read: write it like redis://localhost:6379") from None
    userinfo, _, hosts = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    name, secret = unquote(username) or None, unquote(password) or None
    if parts.scheme == "unix":
        if not parts.path:
            raise ConfigError("the Redis URL lacks the socket's path, as in unix:///run/redis.sock")
        database = parse_qs(parts.query).get("db", ["0"])[0]
        return Target(
            seeds=(Address(unquote(parts.path), 0),),
            database=_number(database, "database"),
            username=name,
            password=secret,
        )
    if parts.scheme not in _TLS:
        raise ConfigError("the Redis URL must begin with redis://, rediss:// or unix://")
    return Target(
        seeds=tuple(_address(host) for host in hosts.split(",")),
        tls=_TLS[parts.scheme],
        database=_number(parts.path.strip("/") or "0", "database"),
        username=name,
        password=secret,
    )


def _address(text: str) -> Address:
    host, port = text, ""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif ":" in text:
        host, _, port = text.rpartition(":")
    if not host:
        raise ConfigError("the Redis URL lacks a host, as in redis://localhost:6379")
    return Address(unquote(host), _number(port, "port") if port else DEFAULT_PORT)


def _number(text: str, what: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ConfigError(f"the {what} in the Redis URL must be a number, as in redis://localhost:6379/0")
    return int(text)
