"""What can be wrong with raw files. A file that was cut off is not wrong: its good prefix is read."""

from __future__ import annotations


class RawError(Exception):
    """Raw files that cannot be read. The message is for people."""


class BadMjr(RawError):
    """Not an MJR file of version 2."""


class BadSidecar(RawError):
    """Not a ``part.jsonl`` of a version that we know."""


class Unplayable(RawError):
    """There is nothing to play: no part of a recording, or nothing in a track."""


class BadPacket(RawError):
    """Not an RTP packet (RFC 3550 section 5.1)."""


class BadPayload(RawError):
    """An RTP payload that its codec's payload format does not allow."""
