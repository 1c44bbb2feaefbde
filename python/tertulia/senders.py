"""What a request shows of who sent it: the IP address it came from, and the origin of the page that made it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final, Protocol
from urllib.parse import urlsplit

from tertulia.config import is_loopback

_IPV6_SITE: Final = 64
"""Bits of an IPv6 address that stand for one site: the others are free for its owner to choose."""
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class Proxies(Protocol):
    """The proxies whose X-Forwarded-For is believed (uvicorn's ``trusted_hosts``)."""

    def __contains__(self, host: str | None) -> bool:
        """Whether this IP address is one of them."""

    def get_trusted_client_address(self, x_forwarded_for: str) -> tuple[str, int]:
        """The last address in the header that is no proxy's."""


def client_of(peer: str, forwarded: Iterable[str], proxies: Proxies | None) -> str:
    """The client's IP address: the peer's, or what a trusted proxy says in X-Forwarded-For, whose values these are."""
    if proxies is None or peer not in proxies:
        return peer
    said = ", ".join(forwarded)
    return (proxies.get_trusted_client_address(said)[0] if said else "") or peer


def site_of(host: str) -> str:
    """What an IP address is counted by: itself, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a Unix socket has none
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> _IPV6_SITE << _IPV6_SITE, _IPV6_SITE)))


def is_own(origin: str, host: str) -> bool:
    """Whether ``origin`` is this server's, which was reached as ``host``: default ports are equal to none."""
    scheme, _, netloc = origin.lower().partition("://")
    default = _DEFAULT_PORTS.get(scheme)
    return default is not None and netloc.removesuffix(default) == host.lower().removesuffix(default) != ""


def is_local(origin: str) -> bool:
    """Whether ``origin`` is that of a page served by this machine, on any port: a developer's own web application."""
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:  # no URL
        return False
