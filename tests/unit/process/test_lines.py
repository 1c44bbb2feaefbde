from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.process.lines import MAX_LINE, Lines, as_json, with_name


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


def test_a_line_has_a_name() -> None:
    assert with_name("web 1", b"hello") == b"web 1    | hello"


def test_json_stays_json() -> None:
    line = b'{"event": "caf\xc3\xa9", "status": 200}'
    assert as_json("web 1", line) == b'{"process": "web 1", "event": "caf\xc3\xa9", "status": 200}'


def no_json(word: str) -> Any:
    raise AssertionError(f"{word} is no JSON")


@pytest.mark.parametrize("line", [b"Traceback: \xff", b"{", b"[1]", b"NaN", b'{"a": NaN}', b"[" * 60_000, b""])
def test_every_line_becomes_an_object(line: bytes) -> None:
    said = json.loads(as_json("web 1", line), parse_constant=no_json)
    assert said.pop("process") == "web 1"
    assert said == {"a": "NaN"} or said["event"] == line.decode(errors="replace")
