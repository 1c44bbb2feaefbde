"""Stretches of time, as sorted lists that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable

from tertulia.recorder.raw.sample import Span


def unite(spans: Iterable[Span]) -> tuple[Span, ...]:
    """What is in any of them."""
    united: list[Span] = []
    for span in sorted((span for span in spans if span.end > span.begin), key=lambda span: span.begin):
        if united and span.begin <= united[-1].end:
            united[-1] = Span(united[-1].begin, max(united[-1].end, span.end))
        else:
            united.append(span)
    return tuple(united)


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> tuple[Span, ...]:
    """What is in ``spans`` and in none of ``holes``."""
    left, taken = [], unite(holes)
    at = 0
    for span in unite(spans):
        begin = span.begin
        while at < len(taken) and taken[at].end <= begin:
            at += 1
        for hole in taken[at:]:
            if hole.begin >= span.end:
                break
            left.append(Span(begin, hole.begin))
            begin = hole.end
        left.append(Span(begin, span.end))
    return unite(left)
