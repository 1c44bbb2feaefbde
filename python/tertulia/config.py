"""The settings, from the environment (``TERTULIA_REDIS_URL``) or flags (``--redis-url``), which win.

Strict: an unknown ``TERTULIA_*`` variable or a value that makes no sense is a ConfigError that names it in one line.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from tertulia import values
from tertulia.errors import ConfigError

PREFIX: Final = "TERTULIA_"
_FILE: Final = "_FILE"

Reader: TypeAlias = Literal["dev", "web", "sfu", "recorder", "database", "room", "recording", "master-key"]
"""A command, or those that work on the database (``database``; ``master-key``: on what is encrypted in it)."""
_WEB: Final[tuple[Reader, ...]] = ("dev", "web")
_SFU: Final[tuple[Reader, ...]] = ("dev", "sfu")
_SERVERS: Final[tuple[Reader, ...]] = ("dev", "web", "sfu")
_STORAGE: Final[tuple[Reader, ...]] = ("dev", "web", "recorder", "recording")
_ADMIN: Final[tuple[Reader, ...]] = ("database", "room", "recording", "master-key")
_MASTER: Final[tuple[Reader, ...]] = (*_STORAGE, "room", "master-key")


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "tertulia"


def _setting(read: Callable[[str], Any], default: Any, readers: tuple[Reader, ...], about: str) -> Any:
    metadata = {"read": read, "readers": readers, "about": about}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings. One without a default that works everywhere is None until it is set; see :meth:`need`."""

    redis_url: str | None = _setting(
        values.url("redis", "rediss", "unix", "valkey", "valkeys", "redis+cluster", "rediss+cluster"),
        None,
        (*_SERVERS, "room"),
        "Redis or Valkey: redis://host:6379/0, rediss:// for TLS, redis+cluster:// for a cluster",
    )
    database_url: str | None = _setting(
        values.url("sqlite", "sqlite+aiosqlite", "postgresql", "postgres", "postgresql+asyncpg"),
        None,
        (*_WEB, "recorder", *_ADMIN),
        "the database: postgresql://user:password@host/name, or sqlite:////path/to/file",
    )
    storage_url: str | None = _setting(
        values.url("file", "s3", "gs", "az", "azure"),
        None,
        _STORAGE,
        "where films go: s3://bucket/prefix, az://…, gs://…, file:///…; else the data directory",
    )
    recordings_dir: Path | None = _setting(
        values.directory,
        None,
        ("dev", "sfu", "recorder", "recording"),
        "where SFU nodes leave recordings for recorders; if not set, in the data directory",
    )
    master_key: bytes | None = _setting(
        values.key,
        None,
        _MASTER,
        "encrypts signing keys and the tenants' recording keys: 32 bytes in base64 or hex",
    )
    master_key_file: Path | None = _setting(values.path, None, _MASTER, "the file that has the master key")
    public_url: str | None = _setting(
        values.web_url, None, (*_WEB, "room"), "the address people open; if not set, the one that each request came to"
    )
    host: str = _setting(values.text, "127.0.0.1", _WEB, "the address to listen on")
    port: int = _setting(values.whole_number(0, 65535), 8080, (*_WEB, "room"), "the port to listen on; 0: any free one")
    workers: int = _setting(values.whole_number(1, 256), 1, _WEB, "how many web workers share the port")
    open: bool = _setting(
        values.flag, False, ("web", "sfu"), "development: ask for no credentials; on a loopback address only"
    )
    region: str = _setting(
        values.region, "local", _SERVERS, "the region of this SFU node, and of rooms that ask for none"
    )
    # Media comes from anywhere; ICE credentials decide what is accepted.
    sfu_bind: str = _setting(values.ip_address, "0.0.0.0", _SFU, "the address to bind media sockets to")  # noqa: S104
    sfu_ports: tuple[int, int] = _setting(
        values.port_range, (0, 0), _SFU, "media ports, one per media thread: 40000-40003; 0: any free ones"
    )
    sfu_advertise: tuple[str, ...] = _setting(
        values.list_of(values.ip_address), (), _SFU, "the addresses at which clients reach this node, comma-separated"
    )
    sfu_workers: int = _setting(
        values.whole_number(1, 128), 1, _SFU, "how many media threads run, each a node of its own"
    )
    sfu_max_load: int = _setting(
        values.whole_number(0, 100),
        80,
        _SFU,
        "how busy a node is, in percent, when it gives up rooms to others; 0: it never does",
    )
    sfu_track_mbits: int = _setting(
        values.whole_number(1, 1000), 40, _SFU, "what one track may send, in Mbit/s; a screen in 4K takes 20"
    )
    sfu_peer_mbits: int = _setting(
        values.whole_number(1, 1000), 80, _SFU, "what one participant may send in all, in Mbit/s"
    )
    sfu_room_mbits: int = _setting(values.whole_number(1, 4000), 1000, _SFU, "what may come into one room, in Mbit/s")
    turn_urls: tuple[str, ...] = _setting(
        values.list_of(values.ice_url("turn", "turns")), (), _WEB, "TURN servers, comma-separated"
    )
    turn_secret: str | None = _setting(
        values.text, None, _WEB, "the secret shared with the TURN servers (coturn: static-auth-secret)"
    )
    stun_urls: tuple[str, ...] = _setting(
        values.list_of(values.ice_url("stun", "stuns")),
        (),
        _WEB,
        "STUN servers, comma-separated; if not set, the SFU nodes",
    )
    cors_origins: tuple[str, ...] = _setting(
        values.list_of(values.origin),
        (),
        _WEB,
        "origins of other web sites that may call the server, comma-separated, or *",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        values.list_of(values.network), (), _WEB, "proxies whose X-Forwarded-* are believed: networks, comma-separated"
    )
    keep_alive_seconds: int = _setting(
        values.whole_number(1, 300), 10, _WEB, "how often clients send KeepAlive; after three missed, the seat is free"
    )
    empty_timeout_seconds: int = _setting(
        values.whole_number(1, 86400), 60, _WEB, "how long a room may be empty before its session ends"
    )
    join_timeout_seconds: int = _setting(
        values.whole_number(1, 300), 15, _WEB, "how long a connection may take to join a room"
    )
    rate_limit: int = _setting(
        values.whole_number(0, 1_000_000),
        50,
        _WEB,
        "REST requests per second and credential, four times as many per address; 0: no limit",
    )
    audit_days: int = _setting(
        values.whole_number(1, 3650), 365, _WEB, "how many days entries of the audit log are kept"
    )
    show_nodes: bool = _setting(
        values.flag, False, _WEB, "let API keys of all tenants see the SFU nodes and their load"
    )
    max_message_bytes: int = _setting(
        values.whole_number(1024, 64 << 20), 256 * 1024, _WEB, "the longest SignalR message"
    )
    internal_host: str = _setting(
        values.text, "127.0.0.1", _WEB, "the address at which other web workers reach this one"
    )
    operator_listen: tuple[str, int] | None = _setting(
        values.listener,
        None,
        _WEB,
        "where /metrics, /docs and /openapi.json are: 127.0.0.1:8479; else at the public port",
    )
    data_dir: Path = _setting(
        values.directory,
        _default_data_dir,
        ("dev", "web", "sfu", "recorder", *_ADMIN),
        "the directory for files that have no other place",
    )
    log_format: str = _setting(
        values.one_of("auto", "json", "text"),
        "auto",
        (*_SERVERS, "recorder"),
        "json, text, or auto: text on a terminal",
    )
    log_level: str = _setting(
        values.one_of("debug", "info", "warning", "error"),
        "info",
        (*_SERVERS, "recorder"),
        "debug, info, warning or error",
    )

    @property
    def raw_dir(self) -> Path:
        """Where raw recordings are."""
        return self.recordings_dir or self.data_dir / "recordings"

    @property
    def storage(self) -> str:
        """The URL of the blob storage."""
        return self.storage_url or (self.data_dir / "storage").absolute().as_uri()

    def need(self, name: str) -> str:
        """The value of a setting that the caller cannot do without.

        Raises:
            ConfigError: it is not set.
        """
        value = getattr(self, name)
        if value is None:
            raise ConfigError(f"{_variable(name)} is not set: set it, or pass {flag(name)}")
        return str(value)


SETTINGS: Final[dict[str, str]] = {f.name: f.metadata["about"] for f in fields(Config)}
"""Each setting's name and what it is about, in the order of the help."""


SECRETS: Final = frozenset(("redis_url", "database_url", "turn_secret"))
"""Settings that hold secrets: each may be in a file instead, named by the variable with ``_FILE`` behind it. (For the
master key's there is a setting.)"""
_MAX_SECRET: Final = 64 * 1024
"""Bytes of such a file."""


def settings_of(reader: Reader) -> dict[str, str]:
    """As :data:`SETTINGS`, those that ``reader`` reads."""
    return {f.name: SETTINGS[f.name] for f in fields(Config) if reader in f.metadata["readers"]}


def default_of(name: str) -> str:
    """The default of a setting, as one would write it; empty if there is none."""
    default = getattr(Config(), name)
    if name == "sfu_ports":
        return str(default[0])
    return "" if default is None or default == () else str(default).lower() if default is False else str(default)


def flag(name: str) -> str:
    """The flag of a setting."""
    return f"--{name.replace('_', '-')}"


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def environment(environ: Mapping[str, str], flags: Mapping[str, str | None]) -> dict[str, str]:
    """``environ`` with the settings that ``flags`` override, for a child process."""
    ours = {_variable(name): value for name, value in flags.items() if value is not None}
    replaced = {variable + _FILE for variable in ours} - set(map(_variable, SETTINGS))
    return {**{key: value for key, value in environ.items() if key not in replaced}, **ours}


def load(environ: Mapping[str, str], flags: Mapping[str, str | None] | None = None) -> Config:
    """The settings of ``environ``, overridden by ``flags`` (named as in :data:`SETTINGS`; None: not given).

    Raises:
        ConfigError: an unknown variable, a wrong value, or two that contradict each other.
    """
    chosen = {name: text for name, text in (flags or {}).items() if text is not None}
    given = _given(environ, chosen)
    for name, text in chosen.items():
        given[name] = (flag(name), text)
    config = Config(**_read(given))
    _check(config)
    return config


def _given(environ: Mapping[str, str], flags: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Setting → (variable, text) of the environment. The file of a secret that a flag overrides is not read."""
    given: dict[str, tuple[str, str]] = {}
    for key, value in environ.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower()
        secret = name.removesuffix(_FILE.lower())
        if key == key.upper() and name in SETTINGS:
            given[name] = (key, value)
        elif key != key.upper() or secret not in SECRETS:
            raise ConfigError(f"{key} is not a setting: unset it, or see the settings of `tertulia dev --help`")
        elif _variable(secret) in environ:
            raise ConfigError(f"{_variable(secret)} and {key} say the same: unset one of them")
        elif secret not in flags:
            given[secret] = (key, _content(key, value))
    return given


def _content(key: str, path: str) -> str:
    """The secret in a file, without the line break at its end."""
    try:
        with Path(path).expanduser().open("rb") as file:
            return file.read(_MAX_SECRET).decode().rstrip("\r\n")
    except OSError as e:
        raise ConfigError(f"{key}: {path} cannot be read: {e.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{key}: {path} is not text in UTF-8") from None


def _read(given: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    read = {}
    for setting in fields(Config):
        if setting.name in given:
            key, text = given[setting.name]
            try:
                read[setting.name] = setting.metadata["read"](text)
            except ValueError as e:
                raise ConfigError(f"{key}: {e}") from None
    return read


def _check(config: Config) -> None:
    for name in ("host", "internal_host"):
        host = getattr(config, name)
        if config.open and not is_loopback(host):
            raise ConfigError(
                f"{PREFIX}OPEN lets anyone in, so it works on a loopback address only, and {_variable(name)} is {host}"
            )
    if config.master_key is not None and config.master_key_file is not None:
        raise ConfigError(f"{PREFIX}MASTER_KEY and {PREFIX}MASTER_KEY_FILE say the same: unset one of them")
    if bool(config.turn_urls) != bool(config.turn_secret):
        raise ConfigError(f"{PREFIX}TURN_URLS and {PREFIX}TURN_SECRET belong together: one of them is missing")
    first, last = config.sfu_ports
    if first and last - first + 1 < config.sfu_workers:
        raise ConfigError(f"{PREFIX}SFU_PORTS has fewer ports than {PREFIX}SFU_WORKERS asks for ({config.sfu_workers})")
