"""The keys that a provider signs with (RFC 7517)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from msgspec import Struct

from tertulia.oidc.steps import Reply, SignInFailed

PublicKey = RSAKey | ECKey

_KINDS: Final[dict[str, tuple[str, str | None]]] = {
    **{name + size: ("RSA", None) for name in ("RS", "PS") for size in ("256", "384", "512")},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
}
"""Algorithm → the type and curve of its keys."""
ALGORITHMS: Final = frozenset(_KINDS)
"""What an ID token may be signed by. Not ``none``; and no HS256, whose key would be the client secret."""
_MOST_KEYS: Final = 100
_RSA_CHARACTERS: Final = range(342, 1367)
"""Of a modulus of 2,048 to 8,192 bits in base64url: weaker ones can be broken, larger ones take long."""
_TYPES: Final[dict[str, type[PublicKey]]] = {"RSA": RSAKey, "EC": ECKey}


class _Set(Struct, frozen=True):
    keys: list[Any]


class _Entry(Struct, frozen=True):
    kid: str | None
    alg: str | None
    kind: tuple[str, str | None]
    key: PublicKey


class Keys:
    """The public keys of a key set that can verify an ID token; others are passed over."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = entries

    def find(self, kid: str | None, alg: str) -> PublicKey | None:
        """The key for a signature; None: there is none, or without a ``kid`` more than one."""
        fits = [
            entry
            for entry in self._entries
            if entry.kind == _KINDS.get(alg) and entry.alg in (None, alg) and (kid is None or entry.kid == kid)
        ]
        return fits[0].key if len(fits) == 1 else None


def read(reply: Reply) -> Keys:
    """A key set.

    Raises:
        SignInFailed
    """
    if reply.status != 200:
        raise SignInFailed("unreachable", f"the provider's keys are answered with {reply.status}")
    try:
        found = msgspec.json.decode(reply.body, type=_Set)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SignInFailed("broken", "the provider's keys are no key set (RFC 7517)") from None
    return Keys([entry for entry in map(_entry, found.keys[:_MOST_KEYS]) if entry is not None])


def _entry(given: Any) -> _Entry | None:
    if not isinstance(given, dict) or given.get("use", "sig") != "sig":
        return None
    kid, alg, kty, crv = (given.get(name) for name in ("kid", "alg", "kty", "crv"))
    if not isinstance(kid, str | None) or not isinstance(alg, str | None) or not isinstance(kty, str):
        return None
    kind = (kty, crv if kty != "RSA" else None)
    if kind not in _KINDS.values() or (kty == "RSA" and not _has_good_length(given.get("n"))):
        return None
    public = {name: value for name, value in given.items() if name in ("kty", "n", "e", "crv", "x", "y")}
    try:
        key = _TYPES[kty].import_key(public)
        _ = key.public_key  # whether the numbers are a key at all is found out now
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return _Entry(kid, alg, kind, key)


def _has_good_length(modulus: Any) -> bool:
    return isinstance(modulus, str) and len(modulus) in _RSA_CHARACTERS
