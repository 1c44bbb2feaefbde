"""Who is shown where: from what there is to show at one moment, the cells of the picture. Pure.

Places are stable: a tile keeps its place as long as it is shown. Who comes takes a free place or the end; when one
goes and nobody comes, the last one takes the free place. Only where the number of tiles changes the grid, all move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tertulia.recorder.film.format import HEIGHT, WIDTH

GRID_TILES = 25
"""Five by five tiles of 256×144: smaller ones show nobody's face."""
STRIP_TILES = 5
"""So many tiles of 256×144 are exactly as high as the picture, and leave 1024×576 for the large one."""
LARGE_SCREENS = 4
ASPECT = 16 / 9


class Layout(StrEnum):
    """What the film shows.

    ``grid``: everyone in tiles of one size, screens among them. ``speaker``: who speaks large, the others in a strip.
    ``single``: one tile, the screen that was shared last, else who speaks. ``screen-first``: screens large and people
    in a strip; a grid while nobody shares a screen.
    """

    GRID = "grid"
    SPEAKER = "speaker"
    SINGLE = "single"
    SCREEN_FIRST = "screen-first"


class Tile(NamedTuple):
    """A person (``id`` is the user's) or a shared screen (``id`` is the track's)."""

    id: str
    is_screen: bool = False


class Rect(NamedTuple):
    """In pixels from the top left. All four numbers are even: a chroma sample covers two by two pixels."""

    x: int
    y: int
    width: int
    height: int


class Cell(NamedTuple):
    """A tile and its place."""

    tile: Tile
    rect: Rect


@dataclass(frozen=True, slots=True)
class Present:
    """What there is to show. ``people`` and ``screens`` are in the order in which they came.

    ``voices`` are those of ``people`` who have spoken, who spoke last first; its first is the speaker.
    """

    people: tuple[Tile, ...] = ()
    screens: tuple[Tile, ...] = ()
    voices: tuple[Tile, ...] = ()

    @property
    def speaker(self) -> Tile | None:
        """Who speaks, or did last; who came first if nobody has spoken."""
        return next(iter((*self.voices, *self.people)), None)

    def heard(self, number: int, *, but: Tile | None = None) -> list[Tile]:
        """So many people without ``but``: those who spoke last, then those who came first."""
        return [tile for tile in dict.fromkeys((*self.voices, *self.people)) if tile != but][: max(number, 0)]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """``cells`` do not overlap; ``hidden`` are the tiles for which the layout has no place."""

    cells: tuple[Cell, ...] = ()
    hidden: tuple[Tile, ...] = ()


NOTHING = Arrangement()
PICTURE = Rect(0, 0, WIDTH, HEIGHT)
_STRIP_WIDTH = 2 * round(HEIGHT / STRIP_TILES * ASPECT / 2)
_STRIP_HEIGHT = HEIGHT // STRIP_TILES
_BESIDE_STRIP = Rect(0, 0, WIDTH - _STRIP_WIDTH, HEIGHT)


def arrange(layout: Layout, present: Present, before: Arrangement = NOTHING) -> Arrangement:
    """The cells of the picture now, given those of the moment before."""
    shown = [cell.tile for cell in before.cells]
    match layout:
        case Layout.SINGLE:
            cells = _grid(_one(present), PICTURE)
        case Layout.SPEAKER if present.speaker is not None:
            cells = _speaker(present, present.speaker, shown)
        case Layout.SCREEN_FIRST if present.screens:
            cells = _screens(present, shown)
        case _:
            cells = _grid(keep_places(shown, _most(present, GRID_TILES)), PICTURE)
    seen = {cell.tile for cell in cells}
    return Arrangement(cells, tuple(tile for tile in (*present.screens, *present.people) if tile not in seen))


def keep_places(before: Sequence[Tile], wanted: Sequence[Tile]) -> list[Tile]:
    """The wanted tiles, those that were there before in the places that they had."""
    stay, known = set(wanted), set(before)
    places: list[Tile | None] = [tile if tile in stay else None for tile in before]
    for tile in wanted:
        if tile not in known:
            if None in places:
                places[places.index(None)] = tile
            else:
                places.append(tile)
    while None in places:
        last = places.pop()
        if last is not None:
            places[places.index(None)] = last
    return [tile for tile in places if tile is not None]


def grid_rects(number: int, area: Rect) -> list[Rect]:
    """So many rectangles of 16:9 and of one size in ``area``, as large as possible, row by row, each row centred."""
    if not number:
        return []
    columns = max(range(number, 0, -1), key=lambda count: _tile_width(number, count, area))
    width = _even(_tile_width(number, columns, area))
    rows = math.ceil(number / columns)
    height = min(_even(width / ASPECT + 1), _even(area.height / rows))
    top = area.y + _even((area.height - rows * height) / 2)
    rects = []
    for place in range(number):
        row, column = divmod(place, columns)
        in_row = min(columns, number - row * columns)
        left = area.x + _even((area.width - in_row * width) / 2)
        rects.append(Rect(left + column * width, top + row * height, width, height))
    return rects


def _tile_width(number: int, columns: int, area: Rect) -> float:
    return min(area.width / columns, area.height / math.ceil(number / columns) * ASPECT)


def _even(length: float) -> int:
    return int(length) // 2 * 2


def _grid(tiles: Sequence[Tile], area: Rect) -> tuple[Cell, ...]:
    return tuple(Cell(tile, rect) for tile, rect in zip(tiles, grid_rects(len(tiles), area), strict=True))


def _one(present: Present) -> list[Tile]:
    if present.screens:
        return [present.screens[-1]]
    return [present.speaker] if present.speaker is not None else []


def _most(present: Present, number: int) -> list[Tile]:
    """In the order in which they came, as many as there is room for."""
    screens = present.screens[-number:]
    heard = set(present.heard(number - len(screens)))
    return [*screens, *(tile for tile in present.people if tile in heard)]


def _speaker(present: Present, speaker: Tile, shown: list[Tile]) -> tuple[Cell, ...]:
    screens = list(present.screens[-STRIP_TILES:])
    strip = screens + present.heard(STRIP_TILES - len(screens), but=speaker)
    # Who spoke before changes places with the speaker.
    before = [shown[0] if tile == speaker else tile for tile in shown[1:]]
    return _beside_strip([speaker], keep_places(before, strip))


def _screens(present: Present, shown: list[Tile]) -> tuple[Cell, ...]:
    screens = list(present.screens[-LARGE_SCREENS:])
    before = [tile for tile in shown if not tile.is_screen]
    large = keep_places([tile for tile in shown if tile.is_screen], screens)
    return _beside_strip(large, keep_places(before, present.heard(STRIP_TILES)))


def _beside_strip(large: Sequence[Tile], strip: Sequence[Tile]) -> tuple[Cell, ...]:
    if not strip:
        return _grid(large, PICTURE)
    top = _even((HEIGHT - len(strip) * _STRIP_HEIGHT) / 2)
    rects = [
        Rect(_BESIDE_STRIP.width, top + place * _STRIP_HEIGHT, _STRIP_WIDTH, _STRIP_HEIGHT)
        for place in range(len(strip))
    ]
    return (*_grid(large, _BESIDE_STRIP), *(Cell(tile, rect) for tile, rect in zip(strip, rects, strict=True)))
