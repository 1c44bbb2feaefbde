from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tertulia.recorder.film.sound import FADE, LOUD, TOLERANCE, Pcm, Piece, laid, limited, mixed, stretched
from tertulia.recorder.raw.recording import Sample, Span, Track

PACKET = 960


def tone(length: int = PACKET, begin: int = 0) -> Pcm:
    wave = 0.5 * np.sin(2 * np.pi * 440 * (begin + np.arange(length)) / 48_000)
    return np.stack([wave, wave]).astype(np.float32)


def packets(begins: list[int]) -> list[Piece]:
    return list(laid(iter(Piece(begin, tone(begin=begin)) for begin in begins)))


def on_timeline(pieces: list[Piece]) -> Pcm:
    whole = np.zeros((2, pieces[-1].end), np.float32)
    for piece in pieces:
        whole[:, piece.begin : piece.end] += piece.pcm
    return whole


def test_packets_in_a_row_are_not_touched() -> None:
    whole = on_timeline(packets([0, 960, 1920, 2880]))
    np.testing.assert_array_equal(whole[:, FADE:-FADE], tone(4 * PACKET)[:, FADE:-FADE])


def test_silence_in_a_gap_with_faded_ends() -> None:
    one, other = packets([960, 48_000])
    assert (one.begin, one.end, other.begin) == (960, 1920, 48_000)
    assert one.pcm[0, -1] == other.pcm[0, 0] == 0
    steps = np.abs(np.diff(on_timeline([one, other])[0]))
    assert steps.max() < 0.04  # what the tone itself has: no click


def test_of_two_packets_for_one_moment_the_first_stands() -> None:
    assert [piece.begin for piece in packets([0, 100, 960])] == [0, 960]


def test_drift_is_made_up_for_without_gaps() -> None:
    begins = [round(number * PACKET * 1.001) for number in range(500)]
    pieces = packets(begins)
    assert all(one.end == other.begin for one, other in itertools.pairwise(pieces))
    assert abs(pieces[-1].begin - begins[-1]) < 100  # 2 ms
    assert np.abs(np.diff(on_timeline(pieces)[0])).max() < 0.06


def test_a_packet_is_stretched_by_half_a_percent_at_most() -> None:
    assert stretched(tone(), 400).shape == (2, 964)
    assert stretched(tone(), -400).shape == (2, 956)
    assert stretched(tone(), 20).shape == (2, 960)


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=30))
def test_pieces_never_overlap_and_are_where_they_belong(begins: list[int]) -> None:
    pieces = packets(sorted(begins))
    for one, other in itertools.pairwise(pieces):
        assert one.end <= other.begin
    for piece in pieces:
        assert min(abs(piece.begin - begin) for begin in begins) <= TOLERANCE


def test_the_mix_never_clips() -> None:
    quiet, loud = tone(), tone() * 8
    assert limited(quiet) is quiet
    bent = limited(loud)
    assert np.abs(bent).max() <= 1
    assert bent.dtype == np.float32
    below = np.abs(loud) <= LOUD
    np.testing.assert_array_equal(bent[below], loud[below])
    assert (np.sign(bent) == np.sign(loud)).all()
    assert np.abs(np.diff(bent)).max() <= np.abs(np.diff(loud)).max()


def test_of_many_tracks_only_those_that_sound_are_open() -> None:
    reading: list[int] = []
    most = 0

    def track(number: int) -> Track:
        def samples() -> Iterator[Sample]:
            reading.append(number)
            for packet in range(75):
                yield Sample(number + packet * 0.02, b"\xfc\xff\xfe", is_keyframe=True, duration=0.02)
            reading.remove(number)

        return Track(
            id=str(number),
            user_id="u",
            name="u",
            source="microphone",
            kind="audio",
            codec="opus",
            channels=2,
            spans=(Span(number, number + 1.5),),
            read=samples,
        )

    for _ in mixed([track(number) for number in range(50)], 52 * 48_000):
        most = max(most, len(reading))
    assert 1 <= most <= 4
    assert not reading
