"""Packets in the order in which they were sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final, NamedTuple

from tertulia.recorder.raw.rtp import Packet

_PATIENCE: Final = 2000
"""Milliseconds for which what is missing is waited for: longer than any retransmission takes."""
_MOST_HELD: Final = 4096
"""Packets: two seconds of 20 Mbit/s."""
_PATIENCE_AT_FIRST: Final = 200
_MOST_HELD_AT_FIRST: Final = 64
_NOT_BEGUN: Final = -1


class Numbered(NamedTuple):
    """A packet whose numbers do not wrap."""

    sequence: int
    timestamp: int
    arrived: int
    """Unix milliseconds."""
    packet: Packet


class Ordered:
    """Gives packets out by sequence number, each once; passes over what does not come in time."""

    def __init__(self) -> None:
        self._held: dict[int, Numbered] = {}
        self._sequences: list[int] = []
        self._arrivals: deque[Numbered] = deque()
        self._next = _NOT_BEGUN

    def push(self, packet: Numbered) -> Iterator[tuple[Numbered, bool]]:
        """What can be given out now that this one is there, and whether something is missing before it."""
        if packet.sequence < self._next or packet.sequence in self._held:
            return
        self._held[packet.sequence] = packet
        heappush(self._sequences, packet.sequence)
        self._arrivals.append(packet)
        if self._next == _NOT_BEGUN:
            # The first to arrive need not be the first that was sent.
            if not self._is_impatient(packet.arrived, _PATIENCE_AT_FIRST, _MOST_HELD_AT_FIRST):
                return
            self._next = self._sequences[0]
        yield from self._in_sequence(is_after_loss=False)
        while self._is_impatient(packet.arrived, _PATIENCE, _MOST_HELD):
            yield from self._skip()

    def flush(self) -> Iterator[tuple[Numbered, bool]]:
        """All that is left."""
        if self._held and self._next == _NOT_BEGUN:
            self._next = self._sequences[0]
            yield from self._in_sequence(is_after_loss=False)
        while self._held:
            yield from self._skip()

    def _is_impatient(self, now: int, patience: int, most: int) -> bool:
        while self._arrivals and self._arrivals[0].sequence not in self._held:
            self._arrivals.popleft()
        return bool(self._arrivals) and (now - self._arrivals[0].arrived > patience or len(self._held) > most)

    def _skip(self) -> Iterator[tuple[Numbered, bool]]:
        while self._sequences[0] not in self._held:
            heappop(self._sequences)
        self._next = self._sequences[0]
        yield from self._in_sequence(is_after_loss=True)

    def _in_sequence(self, *, is_after_loss: bool) -> Iterator[tuple[Numbered, bool]]:
        while (packet := self._held.pop(self._next, None)) is not None:
            self._next += 1
            yield packet, is_after_loss
            is_after_loss = False
        if not self._held:
            self._sequences.clear()
            self._arrivals.clear()
