"""Range headers: RFC 9110, section 14."""

from __future__ import annotations

import pytest

from tertulia.errors import NoSuchRange
from tertulia.http.ranges import Span, span_of


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-499", (0, 500)),
        ("bytes=500-", (500, 1000)),
        ("bytes=500-99999", (500, 1000)),
        ("bytes=999-999", (999, 1000)),
        ("bytes=-1", (999, 1000)),
        ("bytes=-1000", (0, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("BYTES=0-1", (0, 2)),
        ("bytes= 0-1 ", (0, 2)),
        ("bytes=000000000000000000-000000000000000009", (0, 10)),
    ],
)
def test_one_range(header: str, span: tuple[int, int]) -> None:
    assert span_of(header, 1000) == Span(*span)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=x-y",
        "bytes=5-4",
        "bytes=0-1,5-6",
        "bytes=\u0660-\u0661",
        "bytes=1e3-",
        "items=0-1",
        "bytes=0-1-2",
        "bytes=" + "9" * 19 + "-",
        "bytes=" + "0-0," * 100_000,
    ],
)
def test_what_is_not_one_is_ignored(header: str | None) -> None:
    assert span_of(header, 1000) is None


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=1000-", 1000), ("bytes=1000-2000", 1000), ("bytes=-0", 1000), ("bytes=0-", 0), ("bytes=-5", 0)],
)
def test_what_the_file_does_not_have(header: str, size: int) -> None:
    with pytest.raises(NoSuchRange):
        span_of(header, size)
