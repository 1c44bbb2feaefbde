from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tertulia.recorder.film import fonts
from tertulia.recorder.film.canvas import fitted
from tertulia.recorder.film.drawing import avatar, colour, initials, label, shown_name
from tertulia.recorder.film.fonts import readable, without_accents
from tertulia.recorder.film.planes import Planes

USER = "6f1c0000-0000-4000-8000-000000000000"


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without fonts, as in a slim container."""
    monkeypatch.setattr(fonts, "_files", lambda: ())


def test_ascii_needs_no_font_of_the_system() -> None:
    assert readable("Ann O'Neill-Smith (2)") == ("Ann O'Neill-Smith (2)", None)


@pytest.mark.usefixtures("no_fonts")
@pytest.mark.parametrize(
    ("name", "drawn"),
    [("Zoë Müller", "Zoe Muller"), ("Łukasz Żak", "Lukasz Zak"), ("Bjørn Strauß", "Bjorn Strauss"), ("Ann 😀", "Ann")],
)
def test_without_fonts_latin_names_lose_their_accents(name: str, drawn: str) -> None:
    assert shown_name(USER, name) == (drawn, None)


@pytest.mark.usefixtures("no_fonts")
@pytest.mark.parametrize("name", ["王小明", "Дмитрий", "\u0000\u200b", "😀"])
def test_what_cannot_be_drawn_becomes_the_user_id_and_never_boxes(name: str) -> None:
    assert shown_name(USER, name) == ("6f1c0000", None)
    assert initials(USER, name) == ("6", None)


def test_fonts_of_the_system_are_used_where_they_have_the_script() -> None:
    text, path = readable("Дмитрий Ångström")
    if any("DejaVuSans" in file for file in fonts._files()):
        assert text == "Дмитрий Ångström"
        assert path is not None
    else:
        assert path is None


def test_other_scripts_keep_their_letters() -> None:
    assert without_accents("Éva 王") == "Eva 王"


@pytest.mark.parametrize(
    ("name", "letters"), [("ann", "A"), ("Ann Lee", "AL"), ("Ann Mary Lee", "AL"), ("(guest) Bob", "B"), ("-", "-")]
)
def test_initials(name: str, letters: str) -> None:
    assert initials(USER, name)[0] == letters


def test_an_avatar_has_its_users_colour_in_the_middle() -> None:
    picture = avatar(USER, "Ann Lee", 256, 144)
    assert (picture.width, picture.height) == (256, 144)
    assert picture.u.shape == (72, 128)
    red, green, blue = colour(USER)
    luma = 16 + (65.5 * red + 128.6 * green + 25 * blue) / 255  # BT.601, limited range
    assert abs(int(picture.y[50, 128]) - luma) < 3
    assert int(picture.y.max()) > 200  # the letters
    assert avatar(USER, "Ann Lee", 256, 144) is picture


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=120), st.sampled_from([(256, 144), (426, 240), (1280, 720)]))
def test_a_label_fits_into_its_tile(name: str, size: tuple[int, int]) -> None:
    mark = label(USER, name, *size)
    assert mark.width <= size[0]
    assert mark.height <= size[1] // 4
    assert mark.width % 2 == mark.height % 2 == 0
    assert int(mark.y.max()) > 120


@given(*(st.integers(16, 4000) for _ in range(2)), st.sampled_from([(640, 360), (426, 240), (256, 144), (1024, 576)]))
def test_a_picture_keeps_its_shape_inside_its_cell(width: int, height: int, room: tuple[int, int]) -> None:
    rect = fitted(width, height, *room)
    assert not any(number % 2 for number in rect)
    assert min(rect) >= 0
    assert rect.x + rect.width <= room[0]
    assert rect.y + rect.height <= room[1]
    assert rect.width == room[0] or rect.height == room[1]
    scale = min(room[0] / width, room[1] / height)
    assert abs(rect.width - max(2, width * scale)) <= 4
    assert abs(rect.height - max(2, height * scale)) <= 4


def test_turned_is_clockwise() -> None:
    luma = np.arange(8, dtype=np.uint8).reshape(2, 4)
    chroma = np.zeros((1, 2), np.uint8)
    planes = Planes(luma, chroma, chroma)
    assert planes.turned(90).y.tolist() == [[4, 0], [5, 1], [6, 2], [7, 3]]
    assert planes.turned(180).y.tolist() == [[7, 6, 5, 4], [3, 2, 1, 0]]
    assert planes.turned(270).y.tolist() == [[3, 7], [2, 6], [1, 5], [0, 4]]
    assert planes.turned(0).y.tolist() == luma.tolist()
