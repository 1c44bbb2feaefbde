"""How the text of a setting becomes its value. What makes no sense is a ValueError that says what would."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

KEY_BYTES: Final = 32


def text(value: str) -> str:
    """Any text that is not empty."""
    if not value:
        raise ValueError("must not be empty")
    return value


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A whole number from ``low`` to ``high``."""

    def read(value: str) -> int:
        if not (value.isascii() and value.isdecimal()) or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return read


def flag(value: str) -> bool:
    """``true`` or ``false``, or other words for them."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if value.lower() not in words:
        raise ValueError("must be true or false")
    return words[value.lower()]


def one_of(*words: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return value

    return read


def list_of(item: Callable[[str], str]) -> Callable[[str], tuple[str, ...]]:
    """Items separated by commas; empty ones do not count."""

    def read(value: str) -> tuple[str, ...]:
        return tuple(item(part.strip()) for part in value.split(",") if part.strip())

    return read


def url(*schemes: str) -> Callable[[str], str]:
    """A URL of one of these schemes."""

    def read(value: str) -> str:
        if urlsplit(value).scheme not in schemes:
            raise ValueError(f"must be a URL that begins with {' or '.join(s + '://' for s in schemes)}")
        return value

    return read


_SITE: Final = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?/?", re.IGNORECASE)
"""A scheme, a host and a port, with the final slash that people copy from their browser."""


def web_url(value: str) -> str:
    """The address of a web site, without its final slash. The page needs the whole site: a path is refused."""
    return _site(value, "must be an http:// or https:// address without a path, such as https://meet.example.org")


def _site(value: str, otherwise: str) -> str:
    site = _SITE.fullmatch(value)
    if site is None or not 1 <= int(site[1] or 443) <= 65535 or not urlsplit(value).hostname:
        raise ValueError(otherwise)
    return value.removesuffix("/")


def listener(value: str) -> tuple[str, int]:
    """An address to listen on: ``127.0.0.1:8479``, ``[::1]:9090``."""
    host, colon, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon:
        raise ValueError("must be an IP address and a port, such as 127.0.0.1:8479")
    return ip_address(host), whole_number(1, 65535)(port)


def origin(value: str) -> str:
    """An origin (RFC 6454), or ``*``."""
    if value == "*":
        return value
    return _site(value, "must be origins such as https://app.example.org, or *").lower()


def ip_address(value: str) -> str:
    """An IP address."""
    return str(ipaddress.ip_address(value))


def network(value: str) -> str:
    """An IP network, or an address."""
    return str(ipaddress.ip_network(value, strict=False))


def ice_url(*schemes: str) -> Callable[[str], str]:
    """The URL of a STUN or TURN server (RFC 7064, RFC 7065)."""

    def read(value: str) -> str:
        scheme, colon, rest = value.partition(":")
        if scheme not in schemes or not colon or not rest or rest.startswith("//"):
            raise ValueError(f"must be {' or '.join(s + ':host:port' for s in schemes)} (RFC 7064, RFC 7065)")
        return value

    return read


def port_range(value: str) -> tuple[int, int]:
    """The first and last of some ports: ``40000-40007``, or one; 0 alone is any."""
    first, dash, last = value.partition("-")
    port = whole_number(0, 65535)
    pair = (port(first), port(last) if dash else port(first))
    if pair[0] > pair[1] or (pair[0] == 0) != (pair[1] == 0):
        raise ValueError("must be a port or a range such as 40000-40007")
    return pair


def region(value: str) -> str:
    """A region's name."""
    if not 1 <= len(value) <= 64 or not value.isprintable():
        raise ValueError("must be 1 to 64 printable characters")
    return value


def directory(value: str) -> Path:
    """The path of a directory."""
    return path(value)


def path(value: str) -> Path:
    """The path of a file."""
    return Path(text(value)).expanduser().absolute()


def key(value: str) -> bytes:
    """A key of 32 bytes, in base64 or hex."""
    try:
        read = bytes.fromhex(value) if len(value) == 2 * KEY_BYTES else base64.b64decode(value, validate=True)
    except ValueError:
        read = b""
    if len(read) != KEY_BYTES:
        raise ValueError("must be 32 bytes in base64 or hex, as `openssl rand -base64 32` makes them")
    return read
