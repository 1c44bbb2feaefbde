"""What a request shows of who sent it: the IP address it came from, and the origin of the page that made it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final, Protocol
from urllib.parse import urlsplit

from tertulia.config import Config, is_loopback

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


def canonical(origin: str) -> str:
    """An origin (RFC 6454) as it is compared: in lower case, without its scheme's default port."""
    scheme, colon, netloc = origin.lower().partition("://")
    return scheme + colon + netloc.removesuffix(_DEFAULT_PORTS.get(scheme, " "))


def is_own(origin: str, host: str, public_url: str | None) -> bool:
    """Whether ``origin`` is this server's: that of its public address, or, whatever is before the server may have done
    to the scheme, of ``host``, as which it was reached. A public address tells the scheme, too."""
    scheme, _, netloc = canonical(origin).partition("://")
    if scheme not in _DEFAULT_PORTS or not netloc:
        return False
    public = canonical(public_url) if public_url else None
    if public is not None and (public == f"{scheme}://{netloc}" or not public.startswith(f"{scheme}:")):
        return public == f"{scheme}://{netloc}"
    return netloc == host.lower().removesuffix(_DEFAULT_PORTS[scheme])


class Origins:
    """Whose pages may call. ``configured``: other sites, ``*`` is all. ``is_open``: an open development server asks for
    no credential, so its own pages and others of this machine may call without one, and those of any site with one."""

    def __init__(self, configured: Iterable[str], public_url: str | None = None, *, is_open: bool = False) -> None:
        self._configured = frozenset(map(canonical, configured))
        self._public_url = public_url
        self._is_open = is_open

    def allow(self, origin: str, *, with_credential: bool = True) -> bool:
        """Whether pages of another site may call."""
        if "*" in self._configured or canonical(origin) in self._configured:
            return True
        return self._is_open and (with_credential or is_local(origin))

    def are_ours(self, origin: str, host: str) -> bool:
        """Whether it is this server's own, which was reached as ``host``."""
        return is_own(origin, host, self._public_url)


def origins_of(config: Config) -> Origins:
    """Those that the server is configured for."""
    return Origins(config.cors_origins, config.public_url, is_open=config.open)


def is_local(origin: str) -> bool:
    """Whether ``origin`` is that of a page served by this machine, on any port: a developer's own web application."""
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:  # no URL
        return False
