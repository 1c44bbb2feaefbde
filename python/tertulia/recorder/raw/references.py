"""Which pictures a decoder can decode, when some are missing.

A picture refers to earlier ones. After a loss all that follows may be broken, so nothing is let through until the next
keyframe; unless the stream has temporal layers and says so: then the base layer goes on if nothing of it is missing,
and a higher layer from its next switching point on.
"""

from __future__ import annotations

from typing import Final

from tertulia.recorder.raw.formats.picture import Layer, Picture

_ALL: Final = 8


class References:
    """Follows the pictures of one stream, in order."""

    def __init__(self) -> None:
        self._is_broken = True
        self._base: int | None = None
        self._intact = _ALL
        """Temporal layers up to this one have lost nothing."""
        self._number: int | None = None

    def admit(self, picture: Picture, *, is_after_loss: bool) -> bool:
        """Whether a decoder that has seen all the admitted ones can decode this one."""
        if is_after_loss and not self._follows(picture):
            self._lose(picture)
        self._number = picture.number
        if picture.is_keyframe:
            self._is_broken, self._intact = False, _ALL
            self._base = picture.layer.base if picture.layer else None
            return True
        return not self._is_broken and (picture.layer is None or self._admit_layer(picture.layer))

    def _follows(self, picture: Picture) -> bool:
        """What was lost was padding, since the picture ids have no gap."""
        return None not in {picture.number, self._number} and picture.number == ((self._number or 0) + 1) & 0x7F

    def _lose(self, picture: Picture) -> None:
        if picture.layer is None or self._base is None:
            self._is_broken = True
        self._intact = 0

    def _admit_layer(self, layer: Layer) -> bool:
        if self._base is None:
            self._base = layer.base
        if layer.base != (self._base + (not layer.level)) & 0xFF:
            self._is_broken = True
            return False
        self._base = layer.base
        if layer.level > self._intact:
            if not layer.is_switch:
                return False
            self._intact = layer.level
        return True
