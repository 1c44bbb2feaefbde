"""Opus (RFC 7587): a payload is an Opus packet. What it holds is in its first bytes (RFC 6716 section 3.1)."""

from __future__ import annotations

from typing import Final

from tertulia.recorder.raw.errors import BadPayload

_SILK: Final = (0.01, 0.02, 0.04, 0.06)
_HYBRID: Final = (0.01, 0.02)
_CELT: Final = (0.0025, 0.005, 0.01, 0.02)


def read_duration(packet: bytes) -> float:
    """How many seconds an Opus packet holds. Raises :class:`BadPayload`."""
    if not packet:
        raise BadPayload("An Opus packet is empty")
    duration = read_frame_duration(packet) * _count_frames(packet)
    if not 0 < duration <= 0.1201:
        raise BadPayload("An Opus packet holds more than 120 ms")
    return duration


def read_frame_duration(packet: bytes) -> float:
    """How many seconds each frame of a packet holds, which is not empty."""
    config = packet[0] >> 3
    if config < 12:
        return _SILK[config & 3]
    if config < 16:
        return _HYBRID[config & 1]
    return _CELT[config & 3]


def _count_frames(packet: bytes) -> int:
    code = packet[0] & 3
    if code < 3:
        return (1, 2, 2)[code]
    if len(packet) < 2:
        raise BadPayload("An Opus packet is too short")
    return packet[1] & 63
