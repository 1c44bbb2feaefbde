"""Which part of a file is asked for (RFC 9110, section 14). Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from tertulia.errors import NoSuchRange

_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)


class Span(NamedTuple):
    """Bytes from ``begin`` up to, and without, ``end``."""

    begin: int
    end: int


def span_of(header: str | None, size: int) -> Span | None:
    """The span that a Range header asks for of a file with ``size`` bytes. None: all of it.

    What is no single range of bytes is ignored, as section 14.2 allows: a list of ranges gets the whole file.

    Raises:
        NoSuchRange
    """
    found = _RANGE.fullmatch(header) if header is not None else None
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        begin, end = max(0, size - int(found[2])), size
        if not int(found[2]):
            raise NoSuchRange(size)
    else:
        begin = int(found[1])
        if found[2] and int(found[2]) < begin:
            return None
        end = min(int(found[2]) + 1, size) if found[2] else size
    if begin >= size:
        raise NoSuchRange(size)
    return Span(begin, end)
