"""What the server itself tells people, or other sites, of the page, in their language.

All that the page says once it runs is in its own catalogues. This is what a browser shows without running it, and what
a messenger shows that reads a link. The texts are in ``told.json``, beside the page; those in English stand in its
files, too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

WEB: Final = Path(__file__).parent.parent / "web"
ENGLISH: Final = "en"
_RIGHT_TO_LEFT: Final = frozenset({"ar", "he"})
_QVALUE: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_MOST_RANGES: Final = 20
"""Of an Accept-Language: more than anybody speaks."""


class Told(Struct, frozen=True, rename="camel"):
    """The texts, in one language. None has a character that HTML or JSON would write in another way."""

    title: str
    """Of a link, as other sites show it."""
    invitation: str
    """What they show below."""
    description: str
    """Of the whole page."""
    no_script: str
    """Shown where scripts are off."""


TOLD: Final = msgspec.json.decode((WEB / "told.json").read_bytes(), type=dict[str, Told])


def language_of(accepted: str) -> str:
    """The language to speak to whoever sends this Accept-Language (RFC 9110 section 12.5.4)."""
    best, best_weight = ENGLISH, 0.0
    for wish in accepted.split(",", _MOST_RANGES)[:_MOST_RANGES]:
        tag, _, parameter = wish.partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if language in TOLD and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    """Section 12.4.2: 1 without one; 0, not wanted, also where it is none."""
    if not parameter.strip():
        return 1.0
    found = _QVALUE.fullmatch(parameter.strip())
    return float(found[1]) if found else 0.0


def translated(content: bytes, language: str) -> bytes:
    """A page or the manifest, whose file is in English, in another language."""
    english, told = TOLD[ENGLISH], TOLD[language]
    direction = ' dir="rtl"' if language in _RIGHT_TO_LEFT else ""
    for before, after in (
        (english.description, told.description),
        (english.no_script, told.no_script),
        ('<html lang="en">', f'<html lang="{language}"{direction}>'),
        ('"lang": "en"', f'"lang": "{language}"'),
    ):
        content = content.replace(before.encode(), after.encode())
    return content
