"""Attacks by what somebody with a seat sends to the SFU: media, feedback, handshakes."""

from __future__ import annotations

import asyncio
import itertools
import re
import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from bench.hostile.peer import Peer, peer
from bench.hostile.wire import Site, all_guests, busy_with

_BURST: Final = 64
"""Packets between two looks at what else there is."""
_PAYLOAD: Final = bytes([0x10]) + bytes(1_099)
"""Of VP8 (RFC 7741, section 4.2): the beginning of a keyframe, as large as browsers' packets."""
_MANY_SOURCES: Final = 60_000
_NACKS: Final = 30
"""In one packet, each of which asks for 17 packets."""


async def rtp(site: Site) -> None:
    """Video packets, as many as go out."""
    video = _Video.of(site.sdp)
    await _flood(site, lambda _, n: [video.packet(n, video.ssrc)])


async def sources(site: Site) -> None:
    """The same, each packet of a new source."""
    video = _Video.of(site.sdp)
    await _flood(site, lambda _, n: [video.packet(n, n % _MANY_SOURCES + 1)])


async def rtcp(site: Site) -> None:
    """Feedback, as much as goes out: keyframes are asked for, and the newest packets of each stream that comes."""
    await _flood(site, _feedback)


async def handshakes(site: Site) -> None:
    """Guests who join, connect, and come again."""

    async def one(number: int) -> None:
        async with peer(site, number) as guest:
            await guest.handshake()
            site.hits += 1

    await all_guests(site, one)


async def unfinished_handshakes(site: Site) -> None:
    """Guests who begin a handshake, and come again."""

    async def one(number: int) -> None:
        async with peer(site, number) as guest:
            await guest.hello()
            site.hits += 1

    await all_guests(site, one)


class _Video(NamedTuple):
    """What an offer says of the first video."""

    payload_type: int
    ssrc: int

    @classmethod
    def of(cls, sdp: str) -> _Video:
        section = sdp[sdp.index("m=video") :]
        payload_type = re.search(r"a=rtpmap:(\d+) VP8/90000", section)
        ssrc = re.search(r"a=ssrc:(\d+)", section)
        assert payload_type is not None
        assert ssrc is not None
        return cls(int(payload_type[1]), int(ssrc[1]))

    def packet(self, number: int, ssrc: int) -> bytes:
        """RFC 3550, section 5.1."""
        marker_and_type = self.payload_type | (number % 4 == 3) << 7
        return (
            struct.pack("!BBHII", 0x80, marker_and_type, number & 0xFFFF, number * 700 & 0xFFFF_FFFF, ssrc) + _PAYLOAD
        )


def _feedback(guest: Peer, _number: int) -> list[bytes]:
    return [packet for ssrc, newest in guest.newest.items() for packet in (_pli(ssrc), _nack(ssrc, newest))]


def _pli(ssrc: int) -> bytes:
    """RFC 4585, section 6.3.1."""
    return struct.pack("!BBHII", 0x81, 206, 2, 1, ssrc)


def _nack(ssrc: int, newest: int) -> bytes:
    """RFC 4585, section 6.2.1."""
    items = b"".join(struct.pack("!HH", newest - 17 * n & 0xFFFF, 0xFFFF) for n in range(1, _NACKS + 1))
    return struct.pack("!BBHII", 0x81, 205, 2 + _NACKS, 1, ssrc) + items


async def _flood(site: Site, packets: Callable[[Peer, int], list[bytes]]) -> None:
    """Send these packets, given how often that was done before, by a connection that is made again when it is lost."""

    async def one() -> None:
        async with peer(site, 0) as guest:
            await guest.handshake()
            reading = asyncio.ensure_future(guest.read())
            try:
                for number in itertools.count():
                    for packet in packets(guest, number):
                        await guest.send(packet)
                        site.hits += 1
                    if number % _BURST == 0:
                        await asyncio.sleep(0)
                        if reading.done():
                            return
            finally:
                reading.cancel()

    await busy_with(1, one)
