"""What is known of one provider: its metadata and its keys, each for an hour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from tertulia.oidc import keys, metadata
from tertulia.oidc.keys import Keys, PublicKey
from tertulia.oidc.metadata import Metadata
from tertulia.oidc.steps import Get, Reply, SignInFailed, Steps

KEPT_SECONDS: Final = 3600.0
EAGER_SECONDS: Final = 60.0
"""The least time between two readings of the keys because of one that is not known: anybody can name such a key."""

FAILED_SECONDS: Final = 10.0
"""How long nobody asks again for a document, from when it was asked for in vain: longer than a reply may take."""

K = TypeVar("K")


class _Document(Generic[K]):
    """One document of the provider: what it says, or why it could not be read."""

    def __init__(self, parse: Callable[[Reply], K]) -> None:
        self._parse = parse
        self._known: tuple[K, float] | None = None
        self._failure: tuple[SignInFailed, float] | None = None

    def kept(self, now: float) -> K | None:
        """What it says, as far as that is known; None: it has to be read."""
        return self._known[0] if self._known is not None and now - self._known[1] < KEPT_SECONDS else None

    def read(self, url: str, now: float) -> Steps[K]:
        """What it says now. Raises SignInFailed."""
        if self._failure is not None and now - self._failure[1] < FAILED_SECONDS:
            failure = self._failure[0]
            raise SignInFailed(failure.reason, str(failure))
        try:
            found = self._parse((yield Get(url)))
        except SignInFailed as e:
            self._failure = (e, now)
            raise
        self._known, self._failure = (found, now), None
        return found


class Issuer:
    """Knows a provider by its issuer identifier. ``now`` of its methods is a clock that never goes back, in seconds."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._metadata = _Document(lambda reply: metadata.read(reply, url))
        self._keys = _Document(keys.read)
        self._asked_at = float("-inf")
        """When the keys were last asked for."""

    def metadata(self, now: float) -> Steps[Metadata]:
        """What the provider says of itself. Raises SignInFailed."""
        known = self._metadata.kept(now)
        return known or (yield from self._metadata.read(metadata.address_of(self.url), now))

    def keys(self, now: float) -> Steps[Keys]:
        """The keys that the provider signs with. Raises SignInFailed."""
        return self._keys.kept(now) or (yield from self._read_keys(now))

    def key(self, kid: str | None, alg: str, now: float) -> Steps[PublicKey]:
        """The key of a signature. One that is not known may be new: then the keys are read again, at most once a
        minute. Raises SignInFailed."""
        found = (yield from self.keys(now)).find(kid, alg)
        if found is None and now - self._asked_at >= EAGER_SECONDS:
            found = (yield from self._read_keys(now)).find(kid, alg)
        if found is None:
            raise SignInFailed("broken", "the ID token is signed by a key that the provider does not publish")
        return found

    def _read_keys(self, now: float) -> Steps[Keys]:
        url = (yield from self.metadata(now)).jwks_uri
        self._asked_at = now
        return (yield from self._keys.read(url, now))
