"""Fonts for names. Pillow's own has ASCII only; for all else the fonts of the system are searched."""

from __future__ import annotations

import functools
import os
import unicodedata
from pathlib import Path

from PIL import ImageFont

DIRECTORIES = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
"""Where fontconfig looks by default."""
_SUFFIXES = {".ttf", ".otf", ".ttc"}
_UNUSUAL = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "mono", "serif", "math", "emoji")
"""Words in the names of fonts that are tried later than plain ones."""
_PROBE_SIZE = 24
_NO_CHARACTER = "\U0010ffff"
"""Never assigned (a noncharacter of Unicode): a font draws its box for it."""
_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "\N{LATIN SMALL LETTER DOTLESS I}": "i"}
)
"""Latin letters that Unicode does not decompose."""

Font = ImageFont.FreeTypeFont


def readable(text: str) -> tuple[str, str | None]:
    """What of ``text`` can be drawn without boxes, and the file of the font for it (None: Pillow's own).

    That is the whole text if some font has all its characters; else, of Latin text, the same without accents; else as
    much as one font has, which can be nothing.
    """
    candidates = [*((text, path) for path in (None, *_files())), (without_accents(text), None)]
    best: tuple[str, str | None] = ("", None)
    for wanted, path in candidates:
        if path is None or _opens(path):
            drawn = "".join(character for character in wanted if _has(path, character))
            if len(drawn) == len(wanted):
                return " ".join(drawn.split()), path
            if len(drawn) > len(best[0]):
                best = drawn, path
    return " ".join(best[0].split()), best[1]


def without_accents(text: str) -> str:
    """Latin letters reduced to ASCII ones; other scripts keep their letters."""
    parts = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return "".join(character for character in parts if not unicodedata.combining(character))


@functools.lru_cache(maxsize=64)
def font(path: str | None, size: int) -> Font:
    """The font of a file, or Pillow's own, in pixels."""
    if path is not None:
        return ImageFont.truetype(path, size)
    default = ImageFont.load_default(size)
    if not isinstance(default, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return default


@functools.lru_cache(maxsize=8192)
def _has(path: str | None, character: str) -> bool:
    if character.isspace():
        return True
    if not character.isprintable():
        return False
    probe = font(path, _PROBE_SIZE)
    return _drawn(probe, character) != _drawn(probe, _NO_CHARACTER)


def _drawn(probe: Font, character: str) -> tuple[tuple[int, int], bytes]:
    mask = probe.getmask(character)
    return mask.size, bytes(mask)


@functools.cache
def _files() -> tuple[str, ...]:
    """The fonts of the system, plain ones first, otherwise by name."""
    found = {
        Path(root) / name
        for directory in DIRECTORIES
        for root, _, names in os.walk(Path(directory).expanduser())
        for name in names
        if Path(name).suffix.lower() in _SUFFIXES
    }
    return tuple(str(path) for path in sorted(found, key=lambda path: (_unusual(path.stem), len(path.stem), path)))


def _unusual(stem: str) -> int:
    return sum(word in stem.lower() for word in _UNUSUAL)


@functools.lru_cache(maxsize=8192)
def _opens(path: str) -> bool:
    """False of bitmap fonts that have other sizes only, and of what is no font."""
    try:
        _drawn(font(path, _PROBE_SIZE), _NO_CHARACTER)
    except OSError:
        return False
    return True
