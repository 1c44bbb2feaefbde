from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tertulia.process.lines import MAX_LINE, Lines


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_any_chunking_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    lines, got, position = Lines(), [], 0
    for cut in [*sorted(cuts), len(data)]:
        got += lines.feed(data[position:cut])
        position = max(position, cut)
    got += lines.end()
    expected = data.split(b"\n")
    assert got == (expected if expected[-1] else expected[:-1])


def test_a_line_without_end_is_cut_and_nothing_is_lost() -> None:
    lines, data = Lines(), bytes(range(11, 256)) * 1000
    got = [piece for at in range(0, len(data), 1000) for piece in lines.feed(data[at : at + 1000])] + lines.end()
    assert b"".join(got) == data
    assert max(map(len, got)) <= MAX_LINE
