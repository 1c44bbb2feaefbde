"""ID tokens (OpenID Connect Core 1.0, sections 2 and 3.1.3.7). Pure: the key and ``now`` are given."""

from __future__ import annotations

import base64
import hmac
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from msgspec import Struct

from tertulia.oidc.keys import ALGORITHMS, PublicKey
from tertulia.oidc.steps import SignInFailed

LEEWAY: Final = 60.0
"""Seconds by which the provider's clock may be wrong."""
_MAX_LENGTH: Final = 32 * 1024
"""Characters. A longer text is not even parsed."""

Claims = dict[str, Any]


class Header(Struct, frozen=True):
    """What a token says of its signature, unverified."""

    alg: str
    kid: str | None = None


class _Required(Struct, frozen=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nonce: str
    azp: str | None = None
    nbf: float = 0.0


def header_of(token: str) -> Header:
    """The header of a token whose algorithm is one of ours.

    Raises:
        SignInFailed
    """
    if len(token) > _MAX_LENGTH or not token.isascii() or token.count(".") != 2:
        raise _broken("is no signed JWT")
    text = token.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=Header)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise _broken("has a header that cannot be read") from None
    if header.alg not in ALGORITHMS:
        raise _broken(f"is signed by {header.alg[:20]!r}: have the provider use RS256 or ES256")
    return header


def verify(token: str, key: PublicKey, *, issuer: str, client_id: str, nonce: str, now: float) -> Claims:
    """What a token says, if it is genuine, for this client, of this sign-in, and has not expired.

    Raises:
        SignInFailed
    """
    alg = header_of(token).alg
    try:
        claims = jwt.decode(token, key, algorithms=[alg]).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _broken("was not signed by the provider, or is damaged") from None
    try:
        said = msgspec.convert(claims, _Required)
    except msgspec.ValidationError as e:
        raise _broken(f"lacks a claim: {e}") from None
    if said.iss != issuer:
        raise _broken("is of another issuer")
    if not 1 <= len(said.sub) <= 255:
        raise _broken("names nobody")
    _check_audience(said, client_id)
    if not hmac.compare_digest(said.nonce.encode(errors="replace"), nonce.encode()):
        raise _broken("is of another sign-in")
    # Written so that NaN, which Python reads in JSON, passes none of them.
    if not (said.exp > now - LEEWAY):
        raise _broken("has expired: are the clocks right?")
    if not (said.iat < now + LEEWAY and said.nbf < now + LEEWAY):
        raise _broken("is of the future: are the clocks right?")
    return claims


def _check_audience(said: _Required, client_id: str) -> None:
    audience = [said.aud] if isinstance(said.aud, str) else said.aud
    if client_id not in audience:
        raise _broken("is for another client")
    if said.azp != client_id and (said.azp is not None or len(audience) > 1):
        raise _broken("was got by another client")


def _broken(what: str) -> SignInFailed:
    return SignInFailed("broken", f"the ID token {what}")
