"""Reading a payload from its beginning."""

from __future__ import annotations

from tertulia.recorder.raw.errors import BadPayload


class Reader:
    """Takes bytes off a payload. Raises :class:`BadPayload` at its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def byte(self) -> int:
        """The next byte."""
        if self._at >= len(self._data):
            raise BadPayload("A payload is too short")
        self._at += 1
        return self._data[self._at - 1]

    def take(self, length: int) -> bytes:
        """So many bytes."""
        if length > len(self._data) - self._at:
            raise BadPayload("A payload is too short")
        self._at += length
        return self._data[self._at - length : self._at]

    def leb128(self) -> int:
        """A number of AV1 (section 4.10.5): at most eight bytes, below 2^32."""
        value = 0
        for shift in range(0, 56, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80 and value < 1 << 32:
                return value
        raise BadPayload("A LEB128 number is too long")

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return self._at < len(self._data)
