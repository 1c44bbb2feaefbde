"""What is known of one provider: its metadata and its keys, each for an hour."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from msgspec import Struct

from tertulia.oidc import keys, metadata
from tertulia.oidc.keys import Keys, PublicKey
from tertulia.oidc.metadata import Metadata
from tertulia.oidc.steps import Get, SignInFailed, Steps

KEPT_SECONDS: Final = 3600.0
EAGER_SECONDS: Final = 60.0
"""The least time between two readings of the keys because of one that is not known: anybody can name such a key."""

FAILED_SECONDS: Final = 3.0
"""How long nobody else asks a provider that has just not answered."""

K = TypeVar("K")


class _Read(Struct, Generic[K], frozen=True):
    what: K
    at: float

    def is_fresh(self, now: float) -> bool:
        return now - self.at < KEPT_SECONDS


class Issuer:
    """Knows a provider by its issuer identifier. ``now`` of its methods is a clock that never goes back, in seconds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._metadata: _Read[Metadata] | None = None
        self._keys: _Read[Keys] | None = None
        self._asked_at = float("-inf")
        """When the keys were last asked for."""
        self._failure: _Read[SignInFailed] | None = None

    def metadata(self, now: float) -> Steps[Metadata]:
        """What the provider says of itself. Raises SignInFailed."""
        if self._metadata is not None and self._metadata.is_fresh(now):
            return self._metadata.what
        if self._failure is not None and now - self._failure.at < FAILED_SECONDS:
            raise SignInFailed(self._failure.what.reason, str(self._failure.what))
        try:
            found = metadata.read((yield Get(metadata.address_of(self.url))), self.url)
        except SignInFailed as e:
            self._failure = _Read(e, now)
            raise
        self._metadata = _Read(found, now)
        return found

    def key(self, kid: str | None, alg: str, now: float) -> Steps[PublicKey]:
        """The key of a signature. One that is not known may be new: then the keys are read again, at most once a
        minute. Raises SignInFailed."""
        known = self._keys
        if known is None or not known.is_fresh(now):
            known = yield from self._read_keys(now)
        found = known.what.find(kid, alg)
        if found is None and now - self._asked_at >= EAGER_SECONDS:
            found = (yield from self._read_keys(now)).what.find(kid, alg)
        if found is None:
            raise SignInFailed("broken", "the ID token is signed by a key that the provider does not publish")
        return found

    def _read_keys(self, now: float) -> Steps[_Read[Keys]]:
        self._asked_at = now
        url = (yield from self.metadata(now)).jwks_uri
        self._keys = read = _Read(keys.read((yield Get(url))), now)
        return read
