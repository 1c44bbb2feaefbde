from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tertulia.recorder.film.format import HEIGHT, WIDTH
from tertulia.recorder.film.layout import (
    GRID_TILES,
    NOTHING,
    STRIP_TILES,
    Arrangement,
    Layout,
    Present,
    Rect,
    Tile,
    arrange,
    grid_rects,
    keep_places,
)

NAMES = [Tile(f"u{number}") for number in range(40)]
SCREENS = [Tile(f"s{number}", is_screen=True) for number in range(7)]


@st.composite
def presents(draw: st.DrawFn) -> Present:
    people = draw(st.lists(st.sampled_from(NAMES), unique=True))
    screens = draw(st.lists(st.sampled_from(SCREENS), unique=True)) if people else []
    voices = draw(st.lists(st.sampled_from(people), unique=True)) if people else []
    return Present(tuple(people), tuple(screens), tuple(voices))


def people(*names: str) -> tuple[Tile, ...]:
    return tuple(Tile(name) for name in names)


def shown(arrangement: Arrangement) -> list[str]:
    return [cell.tile.id for cell in arrangement.cells]


@given(st.sampled_from(Layout), st.lists(presents(), min_size=1, max_size=4))
def test_cells_are_even_inside_the_picture_and_apart(layout: Layout, moments: list[Present]) -> None:
    arrangement = NOTHING
    for present in moments:
        arrangement = arrange(layout, present, arrangement)
        for cell in arrangement.cells:
            x, y, width, height = cell.rect
            assert not any(number % 2 for number in cell.rect)
            assert x >= 0
            assert y >= 0
            assert width >= 100
            assert height >= 70
            assert x + width <= WIDTH
            assert y + height <= HEIGHT
        for one, other in itertools.combinations([cell.rect for cell in arrangement.cells], 2):
            assert one.x + one.width <= other.x or other.x + other.width <= one.x or apart_in_y(one, other)


def apart_in_y(one: Rect, other: Rect) -> bool:
    return one.y + one.height <= other.y or other.y + other.height <= one.y


@given(st.sampled_from(Layout), st.lists(presents(), min_size=1, max_size=4))
def test_everyone_is_shown_once_or_hidden(layout: Layout, moments: list[Present]) -> None:
    arrangement = NOTHING
    for present in moments:
        arrangement = arrange(layout, present, arrangement)
        tiles = [cell.tile for cell in arrangement.cells]
        assert sorted([*tiles, *arrangement.hidden]) == sorted([*present.people, *present.screens])
        assert tiles or not present.people


@given(st.sampled_from([Layout.GRID, Layout.SCREEN_FIRST]), presents())
def test_nobody_is_hidden_while_there_is_room(layout: Layout, present: Present) -> None:
    if layout is Layout.GRID and len(present.people) + len(present.screens) <= GRID_TILES:
        assert not arrange(layout, present).hidden
    if layout is Layout.SCREEN_FIRST and len(present.people) <= STRIP_TILES and len(present.screens) <= 4:
        assert not arrange(layout, present).hidden


@given(st.lists(st.sampled_from(NAMES), unique=True), st.lists(st.sampled_from(NAMES), unique=True))
def test_places_are_kept(before: list[Tile], wanted: list[Tile]) -> None:
    places = keep_places(before, wanted)
    assert sorted(places) == sorted(wanted)
    if len(wanted) >= len(before):
        assert all(places[before.index(tile)] == tile for tile in set(before) & set(wanted))
    moved = [tile for tile in set(before) & set(wanted) if places.index(tile) != before.index(tile)]
    assert len(moved) <= max(0, len(set(before) - set(wanted)) - len(set(wanted) - set(before)))


def test_who_leaves_is_replaced_by_the_last_one() -> None:
    assert keep_places(people("a", "b", "c", "d"), people("a", "c", "d")) == list(people("a", "d", "c"))
    assert keep_places(people("a", "b", "c"), people("a", "c", "new")) == list(people("a", "new", "c"))


def test_four_people_are_not_scaled() -> None:
    assert [cell.rect for cell in arrange(Layout.GRID, Present(people("a", "b", "c", "d"))).cells] == [
        Rect(0, 0, 640, 360),
        Rect(640, 0, 640, 360),
        Rect(0, 360, 640, 360),
        Rect(640, 360, 640, 360),
    ]


@pytest.mark.parametrize(
    ("number", "size"),
    [
        (1, (1280, 720)),
        (2, (640, 360)),
        (3, (640, 360)),
        (5, (426, 240)),
        (9, (426, 240)),
        (16, (320, 180)),
        (25, (256, 144)),
    ],
)
def test_tiles_are_as_large_as_possible(number: int, size: tuple[int, int]) -> None:
    rects = grid_rects(number, Rect(0, 0, WIDTH, HEIGHT))
    assert {(rect.width, rect.height) for rect in rects} == {size}


def test_of_many_those_who_spoke_last_are_in_the_grid() -> None:
    everyone = tuple(NAMES)
    first = arrange(Layout.GRID, Present(everyone))
    assert shown(first) == [tile.id for tile in everyone[:GRID_TILES]]
    later = arrange(Layout.GRID, Present(everyone, voices=(NAMES[30],)), first)
    changed = [place for place in range(GRID_TILES) if shown(first)[place] != shown(later)[place]]
    assert [shown(later)[place] for place in changed] == ["u30"]
    assert len(later.hidden) == len(everyone) - GRID_TILES


def test_a_new_speaker_changes_places_with_the_one_before() -> None:
    everyone = people("a", "b", "c", "d")
    before = arrange(Layout.SPEAKER, Present(everyone, voices=people("a")))
    assert shown(before) == ["a", "b", "c", "d"]
    after = arrange(Layout.SPEAKER, Present(everyone, voices=people("c", "a")), before)
    assert shown(after) == ["c", "b", "a", "d"]
    assert after.cells[0].rect.width == 1024


def test_the_strip_keeps_who_spoke_last() -> None:
    present = Present(tuple(NAMES[:9]), voices=(NAMES[8], NAMES[7]))
    arrangement = arrange(Layout.SPEAKER, present)
    assert shown(arrangement) == ["u8", "u7", "u0", "u1", "u2", "u3"]
    assert [tile.id for tile in arrangement.hidden] == ["u4", "u5", "u6"]


def test_single_shows_the_screen_then_the_speaker() -> None:
    everyone = people("a", "b")
    assert shown(arrange(Layout.SINGLE, Present(everyone, voices=people("b")))) == ["b"]
    assert shown(arrange(Layout.SINGLE, Present(everyone, tuple(SCREENS[:2]), people("b")))) == ["s1"]


def test_two_screens_are_one_above_the_other_beside_the_people() -> None:
    arrangement = arrange(Layout.SCREEN_FIRST, Present(people("a", "b"), tuple(SCREENS[:2])))
    assert shown(arrangement) == ["s0", "s1", "a", "b"]
    assert [cell.rect for cell in arrangement.cells[:2]] == [Rect(192, 0, 640, 360), Rect(192, 360, 640, 360)]


def test_screen_first_is_a_grid_without_a_screen() -> None:
    present = Present(people("a", "b", "c"))
    assert arrange(Layout.SCREEN_FIRST, present) == arrange(Layout.GRID, present)
