from __future__ import annotations

from tertulia.recorder.raw.formats.picture import Layer, Picture
from tertulia.recorder.raw.references import References

_KEY = Picture(b"", True)
_DELTA = Picture(b"", False)


def _admit(pictures: list[Picture | None]) -> list[bool]:
    """None is a picture that was lost."""
    references, out, is_after_loss = References(), [], False
    for picture in pictures:
        if picture is not None:
            out.append(references.admit(picture, is_after_loss=is_after_loss))
        is_after_loss = picture is None
    return out


def _layered(level: int, base: int, *, is_switch: bool = False, is_keyframe: bool = False) -> Picture:
    return Picture(b"", is_keyframe, layer=Layer(level, base, is_switch))


def test_a_decoder_begins_with_a_keyframe() -> None:
    assert _admit([_DELTA, _DELTA, _KEY, _DELTA]) == [False, False, True, True]


def test_after_a_loss_nothing_until_a_keyframe() -> None:
    assert _admit([_KEY, _DELTA, None, _DELTA, _DELTA, _KEY, _DELTA]) == [True, True, False, False, True, True]


def test_what_was_only_padding_breaks_nothing() -> None:
    def number(n: int) -> Picture:
        return Picture(b"", n == 126, number=n)

    assert _admit([number(126), number(127), None, number(0), None, number(2)]) == [True, True, True, False]


def test_a_lost_picture_of_a_higher_layer_leaves_the_base() -> None:
    pictures = [
        _layered(0, 255, is_keyframe=True), _layered(1, 255, is_switch=True), _layered(0, 0), None, _layered(0, 1),
        _layered(1, 1), _layered(0, 2), _layered(1, 2, is_switch=True), _layered(0, 3), _layered(1, 3),
    ]  # fmt: skip
    assert _admit(pictures) == [True, True, True, True, False, True, True, True, True]


def test_a_lost_picture_of_the_base_breaks_all() -> None:
    pictures = [_layered(0, 5, is_keyframe=True), None, _layered(1, 6), _layered(0, 7), _layered(0, 8)]
    assert _admit(pictures) == [True, False, False, False]
