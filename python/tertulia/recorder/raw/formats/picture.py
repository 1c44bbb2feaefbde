"""What a video payload format makes of the packets of one picture."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Layer(NamedTuple):
    """Where a picture stands among temporal layers (RFC 7741 section 4.2, RFC 9628 section 4.2)."""

    level: int
    """0 is the base layer."""
    base: int
    """Which picture of the base layer it is, or refers to: TL0PICIDX, 8 bits."""
    is_switch: bool
    """It and what follows in its layer refer to lower layers only."""


class Picture(NamedTuple):
    """A whole encoded picture."""

    data: bytes
    is_keyframe: bool
    number: int | None = None
    """Its picture id, modulo 128; None if the format has none."""
    layer: Layer | None = None
    """None if the stream does not say."""


class Format(Protocol):
    """The payload format of a video codec."""

    def begins(self, payload: bytes) -> bool:
        """Whether a payload may be the first of a picture."""
        ...

    def join(self, payloads: list[bytes]) -> Picture:
        """The picture of these payloads, which are complete and in order. Raises BadPayload."""
        ...
