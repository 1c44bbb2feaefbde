"""H.264 (RFC 6184): single NAL units, STAP-A and FU-A, which is all that packetization modes 0 and 1 have."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from tertulia.recorder.raw.errors import BadPayload
from tertulia.recorder.raw.formats.picture import Picture
from tertulia.recorder.raw.formats.reader import Reader

_SLICE, _IDR, _SEI, _SPS, _PPS, _DELIMITER = 1, 5, 6, 7, 8, 9
_STAP_A: Final = 24
_FU_A: Final = 28
_START: Final = b"\0\0\0\1"


class H264:
    """The payload format of H.264. A keyframe carries its parameter sets, whether or not the sender sent them again."""

    def __init__(self, fmtp: str = "") -> None:
        self._sets: dict[int, bytes] = {}
        for unit in _parameter_sets(fmtp):
            self._remember(unit)

    def begins(self, payload: bytes) -> bool:
        """A parameter set, or a slice whose first macroblock is the picture's."""
        if not payload:
            return False
        kind = payload[0] & 31
        if kind == _STAP_A:
            return _begins_picture(payload[3:])
        if kind == _FU_A:
            return len(payload) > 2 and payload[1] >= 0x80 and _begins_picture(bytes([payload[1] & 31]) + payload[2:3])
        return _begins_picture(payload)

    def join(self, payloads: list[bytes]) -> Picture:
        """The picture of these payloads, in Annex B."""
        units = [unit for unit in _read_units(payloads) if unit]
        kinds = {unit[0] & 31 for unit in units}
        for unit in units:
            self._remember(unit)
        if _IDR not in kinds:
            return Picture(_annex_b(units), is_keyframe=False)
        missing = [self._sets[kind] for kind in (_SPS, _PPS) if kind not in kinds and kind in self._sets]
        return Picture(_annex_b(missing + units), is_keyframe=_SPS in self._sets and _PPS in self._sets)

    def _remember(self, unit: bytes) -> None:
        if unit[0] & 31 in {_SPS, _PPS}:
            self._sets[unit[0] & 31] = unit


def sequence_parameter_sets(picture: bytes) -> list[bytes]:
    """Those of a picture in Annex B."""
    return [unit for unit in picture.split(_START) if unit and unit[0] & 31 == _SPS]


def _parameter_sets(fmtp: str) -> Iterator[bytes]:
    for parameter in fmtp.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "sprop-parameter-sets":
            for text in value.split(","):
                try:
                    unit = base64.b64decode(text, validate=True)
                except (binascii.Error, ValueError):
                    continue
                if unit:
                    yield unit


def _begins_picture(unit: bytes) -> bool:
    kind = unit[0] & 31 if unit else 0
    if kind in {_SLICE, _IDR}:
        # first_mb_in_slice is 0: the Exp-Golomb code is one bit that is set.
        return len(unit) > 1 and unit[1] >= 0x80
    return kind in {_SEI, _SPS, _PPS, _DELIMITER}


def _read_units(payloads: list[bytes]) -> Iterator[bytes]:
    fragments: list[bytes] = []
    for payload in payloads:
        kind = payload[0] & 31 if payload else 0
        if fragments and kind != _FU_A:
            raise BadPayload("A fragmented NAL unit has no end")
        if kind == _STAP_A:
            yield from _read_aggregate(payload)
        elif kind == _FU_A:
            if _add_fragment(payload, fragments):
                yield b"".join(fragments)
                fragments = []
        elif 1 <= kind <= 23:
            yield payload
        else:
            raise BadPayload(f"NAL units of type {kind} are not in packetization mode 1")
    if fragments:
        raise BadPayload("A fragmented NAL unit has no end")


def _read_aggregate(payload: bytes) -> Iterator[bytes]:
    reader = Reader(payload)
    reader.byte()
    while reader:
        yield reader.take(reader.byte() << 8 | reader.byte())


def _add_fragment(payload: bytes, fragments: list[bytes]) -> bool:
    """Whether it was the last."""
    reader = Reader(payload)
    indicator, header = reader.byte(), reader.byte()
    if bool(header & 0x80) != (not fragments):
        raise BadPayload("A fragmented NAL unit has no beginning")
    if not fragments:
        fragments.append(bytes([indicator & 0xE0 | header & 31]))
    fragments.append(reader.rest())
    return bool(header & 0x40)


def _annex_b(units: list[bytes]) -> bytes:
    if not units:
        raise BadPayload("An H.264 picture without a NAL unit")
    return b"".join(part for unit in units for part in (_START, unit))
