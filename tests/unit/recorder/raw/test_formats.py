from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.recorder.raw.errors import BadPayload
from tertulia.recorder.raw.formats.av1 import Av1
from tertulia.recorder.raw.formats.h264 import H264
from tertulia.recorder.raw.formats.opus import read_duration
from tertulia.recorder.raw.formats.picture import Format, Layer
from tertulia.recorder.raw.formats.vp8 import Vp8
from tertulia.recorder.raw.formats.vp9 import Vp9
from tests.recordings.packets import vp8
from tests.unit.growth import assert_linear

_FORMATS: dict[str, Callable[[], Format]] = {"vp8": Vp8, "vp9": Vp9, "h264": H264, "av1": Av1}
_START = b"\0\0\0\1"


def test_vp8_descriptors_are_taken_off() -> None:
    """RFC 7741 section 4.2: X, I (15 bits), L, T and K."""
    picture = Vp8().join([b"\x90\xf0\x81\x23\x07\xa5" + b"\0key", b"\x80\xf0\x81\x23\x07\xa5" + b"frame"])
    assert picture.data == b"\0keyframe"
    assert picture.is_keyframe
    assert picture.number == 0x23
    assert picture.layer == Layer(level=2, base=7, is_switch=True)


def test_vp8_without_extensions() -> None:
    picture = Vp8().join([b"\x10\x01delta"])
    assert (picture.data, picture.is_keyframe, picture.number, picture.layer) == (b"\x01delta", False, None, None)


def test_vp8_begins_with_the_first_partition() -> None:
    assert Vp8().begins(b"\x10\0")
    assert not Vp8().begins(b"\x00\0")
    assert not Vp8().begins(b"\x11\0")
    assert not Vp8().begins(b"")
    with pytest.raises(BadPayload):
        Vp8().join([b"\0x"])


def test_vp9_not_flexible() -> None:
    """RFC 9628 section 4.2: I, L and P; the scalability structure of a keyframe."""
    key = b"\xaa\x05\x00\x09" + b"\x18\x01\x40\x00\xf0\x02" + b"\x14\x01" + b"\x24\x01" + b"key"
    picture = Vp9().join([key])
    assert picture.data == b"key"
    assert picture.is_keyframe
    assert (picture.number, picture.layer) == (5, Layer(0, 9, is_switch=False))
    assert not Vp9().join([b"\xec\x06\x50\x09delta"]).is_keyframe


def test_vp9_flexible_references_are_passed_over() -> None:
    picture = Vp9().join([b"\xdc\x05\x03\x04delta"])
    assert (picture.data, picture.is_keyframe, picture.layer) == (b"delta", False, None)
    with pytest.raises(BadPayload):
        Vp9().join([b"\xdc\x05\x03\x05\x07delta"])


def test_vp9_spatial_layers_become_a_superframe() -> None:
    picture = Vp9().join([b"\xb8\x05\x00low", b"\xb4\x05\x00er", b"\xfc\x05\x02\x02higher"])
    assert picture.data == b"lower" + b"higher" + b"\xc1\x05\x06\xc1"
    assert picture.is_keyframe


def test_h264_units_alone_together_and_in_pieces() -> None:
    h264 = H264()
    sets = b"\x78\0\4\x67sps\0\4\x68pps"
    picture = h264.join([sets, b"\x7c\x85fra", b"\x7c\x05gmen", b"\x7c\x45ted"])
    assert picture.data == _START + b"\x67sps" + _START + b"\x68pps" + _START + b"\x65fragmented"
    assert picture.is_keyframe
    assert h264.join([b"\x41slice"]) == (_START + b"\x41slice", False, None, None)


def test_h264_keyframes_get_parameter_sets_that_were_sent_before() -> None:
    h264 = H264("packetization-mode=1;sprop-parameter-sets=Z3Nwcw==,aHBwcw==;x=!")
    assert h264.join([b"\x65idr"]).data == _START + b"gsps" + _START + b"hpps" + _START + b"\x65idr"


def test_h264_without_parameter_sets_is_no_keyframe() -> None:
    assert not H264("sprop-parameter-sets=%%%").join([b"\x65idr"]).is_keyframe


@pytest.mark.parametrize(
    "payloads",
    [
        [b"\x7c\x05middle"],
        [b"\x7c\x85begin"],
        [b"\x7c\x85begin", b"\x41x"],
        [b"\x78\0\x09short"],
        [b"\x79\0\0"],
        [b"\x7d"],
        [b""],
        [b"\x7c"],
    ],
)
def test_h264_in_wrong_pieces_is_refused(payloads: list[bytes]) -> None:
    with pytest.raises(BadPayload):
        H264().join(payloads)


def test_h264_begins_with_the_first_macroblock() -> None:
    h264 = H264()
    for payload in (b"\x65\x88", b"\x67s", b"\x7c\x85\x88", b"\x78\0\1\x67"):
        assert h264.begins(payload)
    for payload in (b"", b"\x65\x08", b"\x7c\x05\x88", b"\x7c\x85\x08", b"\x41"):
        assert not h264.begins(payload)


def test_av1_elements_are_joined_and_sized() -> None:
    """W of 2 with the sequence header, a frame in two packets, W of 0 with sizes."""
    header, frame = b"\x08seq", b"\x30" + b"f" * 200
    picture = Av1().join([b"\x68" + b"\4" + header + frame[:100], b"\x90" + frame[100:]])
    assert picture.data == b"\x12\0" + b"\x0a\3seq" + b"\x32\xc8\1" + b"f" * 200
    assert picture.is_keyframe
    assert Av1().join([b"\0\3\x30ab\2\x30c"]).data == b"\x12\0\x32\2ab\x32\1c"


def test_av1_extensions_stay_and_delimiters_go() -> None:
    assert Av1().join([b"\x20" + b"\2\x10\0" + b"\x34\x20frame"]).data == b"\x12\0\x36\x20\5frame"


@pytest.mark.parametrize(
    "payloads",
    [
        [b""],
        [b"\x90x"],
        [b"\x50x"],
        [b"\x20\5ab"],
        [b"\x10"],
        [b"\0\x80\x80\x80\x80\x80\x80\x80\x80\1"],
        [b"\x10\x34"],
        [b"\x10\x12\0"],
    ],
)
def test_av1_in_wrong_pieces_is_refused(payloads: list[bytes]) -> None:
    with pytest.raises(BadPayload):
        Av1().join(payloads)


@pytest.mark.parametrize(
    ("packet", "seconds"),
    [
        (b"\x78", 0.02),
        (b"\xf9x", 0.04),
        (b"\xfb\x06", 0.12),
        (b"\x1bx", 0),
        (b"\xe0", 0.0025),
        (b"\x18", 0.06),
        (b"\x60", 0.01),
    ],
)
def test_opus_durations(packet: bytes, seconds: float) -> None:
    """RFC 6716 section 3.1."""
    if seconds:
        assert read_duration(packet) == pytest.approx(seconds)
    else:
        with pytest.raises(BadPayload):
            read_duration(packet)


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\0", b"\xfb\x07"])
def test_opus_packets_that_are_wrong(packet: bytes) -> None:
    with pytest.raises(BadPayload):
        read_duration(packet)


@pytest.mark.parametrize("name", _FORMATS)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_no_payloads_make_them_fail_otherwise(name: str, payloads: list[bytes]) -> None:
    tried = _FORMATS[name]()
    for payload in payloads:
        tried.begins(payload)
    with contextlib.suppress(BadPayload):
        tried.join(payloads)


@given(st.binary(max_size=8))
def test_no_bytes_make_opus_fail_otherwise(packet: bytes) -> None:
    with contextlib.suppress(BadPayload):
        assert 0 < read_duration(packet) <= 0.1201


_LONG: dict[str, Callable[[int], list[bytes]]] = {
    "vp8": lambda count: [b"\x10x"] + [b"\0y"] * count,
    "vp9": lambda count: [b"\x08x"] + [b"\0y"] * count,
    "h264": lambda count: [b"\x7c\x85x"] + [b"\x7c\x05y"] * count + [b"\x7c\x45z"],
    "h264 aggregates": lambda count: [b"\x78" + b"\0\1\x41" * count],
    "av1": lambda count: [b"\x50\x30"] + [b"\xd0y"] * count + [b"\x90z"],
    "av1 elements": lambda count: [b"\0" + b"\1\x30" * count],
}


@pytest.mark.parametrize("name", _LONG)
def test_they_take_linear_time(name: str) -> None:
    def joining(count: int) -> Callable[[], object]:
        return partial(_FORMATS[name.partition(" ")[0]]().join, _LONG[name](count))

    assert_linear(joining, 40_000)


def test_random_packets_of_all_sizes_are_put_together() -> None:
    seeded = random.Random(8)
    for number in range(50):
        data = seeded.randbytes(seeded.randrange(1, 5000))
        assert Vp8().join(vp8(data, number, is_keyframe=False)).data == data
