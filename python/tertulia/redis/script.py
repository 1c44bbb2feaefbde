"""A Lua script, which Redis runs as one atomic step."""

from __future__ import annotations

import hashlib


class Script:
    """The text of a script, put together from ``parts``, and the SHA-1 by which Redis knows it."""

    __slots__ = ("name", "sha", "text")

    def __init__(self, name: str, *parts: str) -> None:
        self.name = name
        self.text = "\n".join(parts).encode()
        self.sha = hashlib.sha1(self.text, usedforsecurity=False).hexdigest().encode()
