"""What is drawn and not filmed: names on tiles, and avatars for who has no picture. Each is drawn once and kept."""

from __future__ import annotations

import colorsys
import functools
import hashlib

from PIL import Image, ImageDraw

from tertulia.recorder.film.fonts import Font, font, readable
from tertulia.recorder.film.planes import Planes, of_image

_EDGE = 2
_TILE = (32, 36, 44)
_TEXT = (245, 245, 245)
_LABEL = (18, 20, 24)
_LONGEST_NAME = 100
"""Characters that are looked at: what REST takes for a name."""
_KEPT = 512
"""Drawings of each kind: a meeting has fewer in one size; an avatar of the whole picture is 1.4 MB, a tile's 55 kB."""
_KEPT_AVATARS = 64


@functools.lru_cache(maxsize=_KEPT_AVATARS)
def avatar(user_id: str, name: str, width: int, height: int) -> Planes:
    """A tile for who has no picture: their initials on a disc of a colour that stays theirs."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    # A dark line around it parts neighbours.
    draw.rectangle((_EDGE, _EDGE, width - 1 - _EDGE, height - 1 - _EDGE), _TILE)
    text, path = initials(user_id, name)
    radius = min(width, height) * 0.28
    centre = (width / 2, height / 2)
    disc = _disc(2 * round(radius), colour(user_id))
    image.paste(disc, (round(centre[0] - disc.width / 2), round(centre[1] - disc.height / 2)), disc)
    draw.text(centre, text, _TEXT, font=font(path, max(8, round(radius * 0.8))), anchor="mm")
    return of_image(image)


@functools.lru_cache(maxsize=_KEPT)
def label(user_id: str, name: str, width: int, height: int) -> Planes:
    """The name for a tile of this size, on a dark ground; it goes to the lower left corner."""
    size = max(14, min(28, height // 18))
    text, path = shown_name(user_id, name)
    face = font(path, size)
    return _boxed(_shortened(text, face, width - 2 * size), face, size)


@functools.lru_cache(maxsize=_KEPT)
def more(hidden: int) -> Planes:
    """How many are there and not in the picture."""
    return _boxed(f"+{hidden}", font(None, 20), 20)


def shown_name(user_id: str, name: str) -> tuple[str, str | None]:
    """The name as far as it can be drawn, else the beginning of the user id; and the font for it."""
    text, path = readable(name[:_LONGEST_NAME])
    return (text, path) if text else (user_id[:8], None)


def initials(user_id: str, name: str) -> tuple[str, str | None]:
    """Of the first and the last word, and the font for it."""
    text, path = shown_name(user_id, name)
    words = [word for word in text.split() if word[0].isalnum()] or text.split()
    return "".join(word[0] for word in dict.fromkeys((words[0], words[-1]))).upper(), path


def colour(user_id: str) -> tuple[int, int, int]:
    """The same for a user always; dark enough for white letters."""
    hue = hashlib.blake2b(user_id.encode(), digest_size=2).digest()
    red, green, blue = colorsys.hls_to_rgb(int.from_bytes(hue) / 0x10000, 0.38, 0.45)
    return round(red * 255), round(green * 255), round(blue * 255)


def _disc(size: int, colour: tuple[int, int, int]) -> Image.Image:
    """Drawn at four times its size, because Pillow's edges are not smooth."""
    large = Image.new("RGBA", (4 * size, 4 * size), (*colour, 0))
    ImageDraw.Draw(large).ellipse((0, 0, 4 * size - 1, 4 * size - 1), (*colour, 255))
    return large.resize((size, size), Image.Resampling.LANCZOS)


def _boxed(text: str, face: Font, size: int) -> Planes:
    width, height = (2 * round(length / 2) for length in (face.getlength(text) + size, size * 1.7))
    image = Image.new("RGB", (width, height), _LABEL)
    ImageDraw.Draw(image).text((size / 2, height / 2), text, _TEXT, font=face, anchor="lm")
    return of_image(image)


def _shortened(text: str, face: Font, width: int) -> str:
    if face.getlength(text) <= width:
        return text
    while text and face.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."
