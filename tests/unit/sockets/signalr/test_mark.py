import pytest

from tertulia.sockets.signalr.mark import VALID_SECONDS, Marks

TARGET = "/hub?id=token"
NOW = 1_800_000_000.5


def test_a_mark_says_whose_request_it_is() -> None:
    mark = Marks(lambda: [b"key"], lambda: NOW).make("2001:db8::1", TARGET)
    assert Marks(lambda: [b"key"], lambda: NOW + 30).client_of(mark, TARGET) == "2001:db8::1"
    assert Marks(lambda: [b"older", b"key"], lambda: NOW - 30).client_of(mark, TARGET) == "2001:db8::1"


def test_nobody_else_can_make_one() -> None:
    marks = Marks(lambda: [b"key"], lambda: NOW)
    mark = marks.make("192.0.2.1", TARGET)
    assert marks.client_of(mark, "/hub?id=other") is None
    assert marks.client_of(mark.replace("192.0.2.1", "192.0.2.2"), TARGET) is None
    assert Marks(lambda: [b"another"], lambda: NOW).client_of(mark, TARGET) is None
    for later in (VALID_SECONDS + 2, -VALID_SECONDS - 2):
        assert Marks(lambda: [b"key"], lambda now=NOW + later: now).client_of(mark, TARGET) is None  # type: ignore[misc]


@pytest.mark.parametrize("mark", ["", "1", " ", "  ", "1 2", "x y z", "é", "²  ", "9" * 5000, "1" * 400 + " a b"])
def test_garbage_is_no_mark(mark: str) -> None:
    assert Marks(lambda: [b"key"], lambda: NOW).client_of(mark, TARGET) is None
