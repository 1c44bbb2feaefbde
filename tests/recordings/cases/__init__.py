"""The cases: each builds a recording and says what must come out."""

from tests.recordings.cases import clocks, files, media
from tests.recordings.cases.registry import CASES

__all__ = ["CASES", "clocks", "files", "media"]
