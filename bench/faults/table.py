"""The rows of the table of faults: what is measured, how long it took, and how long it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tests.chaos.call import Fault, Outcome, of_100

HEAD: Final = "| fault | pause | in Chromium | bar |\n|---|---|---|---|"


def named(fault: Fault) -> Iterator[tuple[str, float]]:
    """The rows of a fault: their names, and their bars in seconds."""
    yield fault.name, fault.bar.seconds
    if fault.seat is not None:
        yield f"{fault.name}: its clients return to their seats", fault.seat


def rows(fault: Fault, found: Outcome) -> Iterator[str]:
    """The same as they are printed."""
    measured: list[tuple[float, float | None]] = [(of_100(found.pauses, fault.bar.share), found.in_page[-1])]
    if fault.seat is not None:
        measured.append((found.waits[-1], None))
    for (name, bar), (seconds, page) in zip(named(fault), measured, strict=True):
        yield row(name, seconds, page, bar)


def row(name: str, media: float, page: float | None, bar: float) -> str:
    """One row."""
    return f"| {name} | {media:.1f} s | {'' if page is None else f'{page:.1f} s'} | {bar:g} s |"
