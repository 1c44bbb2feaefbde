"""A Lua script that Redis runs as one atomic step."""

from __future__ import annotations

import hashlib


class Script:
    """A script's text, and the name under which Redis caches it."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str, *parts: str) -> None:
        self.name = name
        self.text = "\n".join(parts).encode()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()
