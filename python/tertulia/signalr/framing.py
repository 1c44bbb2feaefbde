"""Where one message ends and the next begins, over any chunking of the transport's bytes.

A framer keeps what is incomplete, at most ``bound`` bytes. When the bound is exceeded, :meth:`Framer.feed` still
returns the payloads before that, which arrived in order, and ``broken`` says what is wrong.
"""

from __future__ import annotations

from typing import Final, Protocol

from tertulia.signalr.errors import MessageTooLarge, ProtocolError

RECORD_SEPARATOR: Final = b"\x1e"
MAX_PREFIX: Final = 5
"""Bytes of the longest VarInt: 31 bits, 7 in each."""
MAX_LENGTH: Final = 0x7FFFFFFF
"""A message has at most 2 GB."""


class Framer(Protocol):
    """Splits the bytes of one connection into messages."""

    bound: int
    """Bytes of a message, which may change between two calls of :meth:`feed`."""
    broken: ProtocolError | None
    """Why nothing more can be read."""

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that ``data`` completes."""

    @property
    def waiting(self) -> int:
        """Bytes of what is incomplete."""

    def reset(self) -> None:
        """Forget what is incomplete: the transport was replaced."""


class RecordFramer:
    """Text messages, each ended by 0x1E."""

    __slots__ = ("_chunks", "_size", "bound", "broken")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._chunks: list[bytes] = []
        self._size = 0
        self.broken: ProtocolError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that ``data`` completes, without their 0x1E."""
        end = data.find(RECORD_SEPARATOR)
        if end == len(data) - 1 and not self._chunks and 0 <= end <= self.bound:
            # One whole message, as nearly always; bytes.split is slow with long ones.
            return [data[:end]]
        payloads = data.split(RECORD_SEPARATOR)
        rest = payloads.pop()
        if payloads and self._chunks:
            payloads[0] = b"".join((*self._chunks, payloads[0]))
            self.reset()
        if rest:
            self._chunks.append(rest)
            self._size += len(rest)
        if self._size > self.bound or len(data) > self.bound or (payloads and len(payloads[0]) > self.bound):
            return self._within(payloads)
        return payloads

    def _within(self, payloads: list[bytes]) -> list[bytes]:
        for index, payload in enumerate(payloads):
            if len(payload) > self.bound:
                self.broken = MessageTooLarge(self.bound)
                return payloads[:index]
        if self._size > self.bound:
            self.broken = MessageTooLarge(self.bound)
        return payloads

    @property
    def waiting(self) -> int:
        """Bytes of what is incomplete."""
        return self._size

    def reset(self) -> None:
        """Forget what is incomplete."""
        self._chunks = []
        self._size = 0


class LengthFramer:
    """Binary messages, each behind its length as a VarInt (least significant seven bits first)."""

    __slots__ = ("_buffer", "bound", "broken")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._buffer = bytearray()
        self.broken: ProtocolError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that ``data`` completes, without their lengths."""
        buffer = self._buffer
        if not buffer:
            length, begin = _prefix(data, 0)
            if begin + length == len(data) and 0 <= length <= self.bound:
                # One whole message, as nearly always.
                return [data[begin:]]
        buffer += data
        payloads: list[bytes] = []
        start, end = 0, len(buffer)
        while start < end:
            length, begin = self._prefix(start, end)
            if length < 0 or begin + length > end:
                break
            payloads.append(bytes(buffer[begin : begin + length]))
            start = begin + length
        if start:
            del buffer[:start]
        return payloads

    def _prefix(self, start: int, end: int) -> tuple[int, int]:
        """(length, index of the payload), or (-1, …) while the prefix is incomplete, or for good if it is wrong."""
        length, begin = _prefix(self._buffer, start)
        if length >= 0:
            return self._checked(length), begin
        if end - start >= MAX_PREFIX:
            self.broken = ProtocolError("A length prefix has more than 5 bytes.")
        return -1, start

    def _checked(self, length: int) -> int:
        if length > MAX_LENGTH:
            self.broken = ProtocolError("Messages over 2GB in size are not supported.")
        elif length > self.bound:
            self.broken = MessageTooLarge(self.bound)
        else:
            return length
        return -1

    @property
    def waiting(self) -> int:
        """Bytes of what is incomplete."""
        return len(self._buffer)

    def reset(self) -> None:
        """Forget what is incomplete."""
        self._buffer = bytearray()


def _prefix(data: bytes | bytearray, start: int) -> tuple[int, int]:
    """A VarInt and the index behind it, or (-1, start)."""
    if len(data) > start + 1 and data[start + 1] < 0x80 <= data[start]:
        # Two bytes, as of most messages.
        return data[start] & 0x7F | data[start + 1] << 7, start + 2
    length = 0
    for index in range(start, min(len(data), start + MAX_PREFIX)):
        byte = data[index]
        length |= (byte & 0x7F) << (7 * (index - start))
        if byte < 0x80:
            return length, index + 1
    return -1, start


def with_length(payload: bytes) -> bytes:
    """``payload`` behind its VarInt length."""
    length = len(payload)
    if length < 0x80:
        return bytes((length,)) + payload
    if length < 0x4000:
        return bytes((length & 0x7F | 0x80, length >> 7)) + payload
    if length > MAX_LENGTH:
        raise ProtocolError("Messages over 2GB in size are not supported.")
    prefix = bytearray()
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + payload
