"""Scripts as they are sent: without comments, which are a third of them. Lines keep their numbers, for who debugs."""

from __future__ import annotations

import re
from typing import Final

_COMMENTS: Final = re.compile(
    rb"^[ \t]*/\*(?:[^*]|\*(?!/))*\*/[ \t]*$"  # alone on its lines
    rb"|^[ \t]*//[^\n]*$",
    re.MULTILINE,
)


def lean(script: bytes) -> bytes:
    """The script without comments that have lines of their own. No line of a template literal may look like one."""
    return _COMMENTS.sub(lambda found: b"\n" * found[0].count(b"\n"), script)
