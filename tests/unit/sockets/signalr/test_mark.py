import pytest

from tertulia.sockets.signalr.mark import VALID_SECONDS, Marks

TARGET = "/hub?id=token"
NOW = 1_800_000_000.5


def test_a_mark_says_whose_request_it_is() -> None:
    mark = Marks(lambda: [b"key"]).make("2001:db8::1", TARGET, NOW)
    assert Marks(lambda: [b"key"]).client_of(mark, TARGET, NOW + 30) == "2001:db8::1"
    assert Marks(lambda: [b"older", b"key"]).client_of(mark, TARGET, NOW - 30) == "2001:db8::1"


def test_nobody_else_can_make_one() -> None:
    marks = Marks(lambda: [b"key"])
    mark = marks.make("192.0.2.1", TARGET, NOW)
    assert marks.client_of(mark, "/hub?id=other", NOW) is None
    assert marks.client_of(mark.replace("192.0.2.1", "192.0.2.2"), TARGET, NOW) is None
    assert Marks(lambda: [b"another"]).client_of(mark, TARGET, NOW) is None
    for skew in (VALID_SECONDS + 2, -VALID_SECONDS - 2):
        assert marks.client_of(mark, TARGET, NOW + skew) is None


@pytest.mark.parametrize("mark", ["", "1", " ", "  ", "1 2", "x y z", "é", "²  ", "9" * 5000, "1" * 400 + " a b"])
def test_garbage_is_no_mark(mark: str) -> None:
    assert Marks(lambda: [b"key"]).client_of(mark, TARGET, NOW) is None
