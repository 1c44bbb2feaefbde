"""What a provider says of itself (OpenID Connect Discovery 1.0, section 3; RFC 8414)."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tertulia.oidc.steps import Reply, SignInFailed

PATH: Final = "/.well-known/openid-configuration"
_MAX_URL: Final = 2048
"""Characters."""


class Metadata(Struct, frozen=True):
    """Names as in the document; what is not named here is passed over."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    """Whether it names itself when it sends people back (RFC 9207)."""


def address_of(issuer: str) -> str:
    """Where the document is."""
    return issuer.rstrip("/") + PATH


def is_safe(url: str) -> bool:
    """Whether an address may be called: by TLS, or on this machine. Nobody in between may read or change an answer."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.fragment or len(url) > _MAX_URL:
        return False
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def read(reply: Reply, issuer: str) -> Metadata:
    """The document of ``issuer``.

    Raises:
        SignInFailed
    """
    if reply.status != 200:
        raise SignInFailed("unreachable", f"{address_of(issuer)} answers {reply.status}")
    try:
        found = msgspec.json.decode(reply.body, type=Metadata)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SignInFailed("broken", f"what is at {address_of(issuer)} does not describe a provider") from None
    if found.issuer != issuer:
        raise SignInFailed("broken", f"the provider calls itself {found.issuer[:200]!r}: write the issuer as it does")
    endpoints = [found.authorization_endpoint, found.token_endpoint, found.jwks_uri]
    if found.userinfo_endpoint is not None:
        endpoints.append(found.userinfo_endpoint)
    for url in endpoints:
        # Only a provider on this machine may send us to this machine.
        if not is_safe(url) or (urlsplit(url).scheme == "http" and urlsplit(issuer).scheme != "http"):
            raise SignInFailed("broken", f"the provider names an address without TLS: {url[:200]!r}")
    return found


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
