"""Token buckets in Redis, which all web workers take from."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from tertulia.redis.client import Redis
from tertulia.state import keys, scripts


class Bucket(NamedTuple):
    """A bucket: ``per_second`` flow into it, up to ``burst``."""

    name: str
    """Of any length: it may hold what a client sent."""
    per_second: int
    burst: int


class Taken(NamedTuple):
    """What was taken from a bucket."""

    taken: int
    left: int
    """What is in it now; less than 0: it is overdrawn."""


class SharedBuckets:
    """The buckets in one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def take(self, bucket: Bucket, want: int, debt: int = 0) -> Taken:
        """Take ``want`` from a bucket, or what is left and ``debt`` more. Raises Unavailable."""
        name = hashlib.blake2b(bucket.name.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        asked = scripts.Take(bucket.per_second, bucket.burst, want, debt)
        return Taken(*await self._redis.run(scripts.TAKE, keys.BucketKeys(keys.bucket(name)), asked))
