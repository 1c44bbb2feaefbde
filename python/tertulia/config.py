"""The settings, from the environment (``TERTULIA_REDIS_URL``) or flags (``--redis-url``), which win.

Frozen and strict: an unknown ``TERTULIA_*`` key, or a value that makes no sense, ends the start with one line that
names the key.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tertulia.errors import ConfigError

PREFIX: Final = "TERTULIA_"


def _text(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        if not (value.isascii() and value.isdecimal()) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return read


def _flag(value: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in words:
        raise ValueError("must be true or false")
    return words[value.lower()]


def _one_of(*words: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return read


def _list(item: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    def read(value: str) -> tuple[str, ...]:
        return tuple(item(part.strip()) for part in value.split(",") if part.strip())

    return read


def _url(*schemes: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise ValueError(f"must be a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return value

    return read


def _web_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an http:// or https:// address without query, such as https://meet.example.org")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if value == "*":
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must be origins such as https://app.example.org, or *")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _ip(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))


def _ice_url(*schemes: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        scheme, colon, rest = value.partition(":")
        if scheme not in schemes or not colon or not rest or rest.startswith("//"):
            raise ValueError(f"must be {' or '.join(s + ':host:port' for s in schemes)} (RFC 7064, RFC 7065)")
        return value

    return read


def _ports(value: str) -> tuple[int, int]:
    first, dash, last = value.partition("-")
    port = _whole(0, 65535)
    pair = (port(first), port(last) if dash else port(first))
    if pair[0] > pair[1] or (pair[0] == 0) != (pair[1] == 0):
        raise ValueError("must be a port or a range such as 40000-40007")
    return pair


def _region(value: str) -> str:
    if not 1 <= len(value) <= 64 or not value.isprintable():
        raise ValueError("must be 1 to 64 printable characters")
    return value


def _directory(value: str) -> Path:
    return Path(_text(value)).expanduser().absolute()


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "tertulia"


def _setting(read: Callable[[str], Any], default: Any, about: str) -> Any:
    if callable(default):
        return field(default_factory=default, metadata={"read": read, "about": about})
    return field(default=default, metadata={"read": read, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting. What has no default that works everywhere is None until given; see :meth:`need`."""

    redis_url: str | None = _setting(
        _url("redis", "rediss", "unix", "valkey", "valkeys", "redis+cluster", "rediss+cluster"),
        None,
        "Redis or Valkey: redis://host:6379/0, rediss:// for TLS, redis+cluster:// for a cluster",
    )
    database_url: str | None = _setting(
        _url("sqlite", "sqlite+aiosqlite", "postgresql", "postgres", "postgresql+asyncpg"),
        None,
        "the database: postgresql://user:password@host/name, or sqlite:////path/to/file",
    )
    storage_url: str | None = _setting(
        _url("file", "s3", "gs", "az", "azure"),
        None,
        "where recordings go: s3://bucket/prefix, az://…, gs://…, file:///…",
    )
    public_url: str | None = _setting(_web_url, None, "the address people open; without it, the one they asked for")
    host: str = _setting(_text, "127.0.0.1", "the address to listen on")
    port: int = _setting(_whole(0, 65535), 8080, "the port to listen on; 0 takes a free one")
    workers: int = _setting(_whole(1, 256), 1, "web worker processes")
    open: bool = _setting(_flag, False, "development: no credential is asked for; on a loopback address only")
    region: str = _setting(_region, "local", "this SFU node's region; the one rooms go to unless another is asked for")
    # Media comes from anywhere; what it may do is decided by its ICE credentials.
    sfu_bind: str = _setting(_ip, "0.0.0.0", "the address media sockets are bound to")  # noqa: S104
    sfu_ports: tuple[int, int] = _setting(_ports, (0, 0), "media ports, one a worker: 40000-40003; 0 takes free ones")
    sfu_advertise: tuple[str, ...] = _setting(_list(_ip), (), "the addresses clients reach this node at, by comma")
    sfu_workers: int = _setting(_whole(1, 128), 1, "media threads of this node")
    turn_urls: tuple[str, ...] = _setting(_list(_ice_url("turn", "turns")), (), "TURN servers, by comma")
    turn_secret: str | None = _setting(_text, None, "the TURN servers' secret (coturn: static-auth-secret)")
    stun_urls: tuple[str, ...] = _setting(_list(_ice_url("stun", "stuns")), (), "STUN servers; else the SFU nodes")
    cors_origins: tuple[str, ...] = _setting(_list(_origin), (), "origins of other sites that may call, by comma, or *")
    trusted_proxies: tuple[str, ...] = _setting(_list(_network), (), "networks whose X-Forwarded-* are believed")
    keep_alive_seconds: int = _setting(_whole(1, 300), 10, "how often a client says KeepAlive; three missed end a seat")
    empty_timeout_seconds: int = _setting(_whole(1, 86400), 60, "how long a session outlives its last member")
    join_timeout_seconds: int = _setting(_whole(1, 300), 15, "how long a connection may take to join")
    rate_limit: int = _setting(
        _whole(0, 1_000_000), 50, "REST requests a second of a caller to one worker; 0: no limit"
    )
    max_message_bytes: int = _setting(_whole(1024, 64 << 20), 256 * 1024, "the longest SignalR message")
    internal_host: str = _setting(_text, "127.0.0.1", "where the other web workers reach this one")
    data_dir: Path = _setting(_directory, _default_data_dir, "where the embedded parts keep their files")
    log_format: str = _setting(_one_of("auto", "json", "text"), "auto", "json, text, or auto: text on a terminal")
    log_level: str = _setting(_one_of("debug", "info", "warning", "error"), "info", "debug, info, warning or error")

    def need(self, name: str) -> str:
        """The value of a setting that this part cannot do without.

        Raises:
            ConfigError: it is not set.
        """
        value = getattr(self, name)
        if value is None:
            raise ConfigError(f"{PREFIX}{name.upper()} is not set: give it, or --{name.replace('_', '-')}")
        return str(value)


SETTINGS: Final[dict[str, str]] = {f.name: f.metadata["about"] for f in fields(Config)}
"""Each setting's name and what it is about, in the order of the help."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def load(environ: Mapping[str, str], flags: Mapping[str, str | None] | None = None) -> Config:
    """The settings of ``environ``, overridden by ``flags`` (named as in :data:`SETTINGS`; None is not given).

    Raises:
        ConfigError: an unknown key, a wrong value, or two that contradict each other.
    """
    given: dict[str, tuple[str, str]] = {}
    for key, value in environ.items():
        if key.startswith(PREFIX):
            name = key.removeprefix(PREFIX).lower()
            if name not in SETTINGS or key != key.upper():
                raise ConfigError(f"{key} is not a setting: remove it, or see `tertulia web --help`")
            given[name] = (key, value)
    for name, flag in (flags or {}).items():
        if flag is not None:
            given[name] = (f"--{name.replace('_', '-')}", flag)
    config = Config(**_read(given))
    _check(config)
    return config


def _read(given: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    values = {}
    for setting in fields(Config):
        if setting.name in given:
            key, text = given[setting.name]
            try:
                values[setting.name] = setting.metadata["read"](text)
            except ValueError as e:
                raise ConfigError(f"{key}: {e}") from None
    return values


def _check(config: Config) -> None:
    for key, host in (("HOST", config.host), ("INTERNAL_HOST", config.internal_host)):
        if config.open and not is_loopback(host):
            raise ConfigError(
                f"{PREFIX}OPEN lets anyone in, so it works on a loopback address only, and {PREFIX}{key} is {host}"
            )
    if bool(config.turn_urls) != bool(config.turn_secret):
        raise ConfigError(f"{PREFIX}TURN_URLS and {PREFIX}TURN_SECRET belong together: one of them is missing")
    first, last = config.sfu_ports
    if first and last - first + 1 < config.sfu_workers:
        raise ConfigError(f"{PREFIX}SFU_PORTS has fewer ports than {PREFIX}SFU_WORKERS asks for ({config.sfu_workers})")
