"""The calls of one connection: one at a time, in order, bounded; how it ends."""

from __future__ import annotations

import pytest

from tertulia.room import events, line
from tertulia.room.closing import ENDED
from tertulia.room.line import Call, Departed, Farewell, Line, Overdue, Taken

FAREWELL = Farewell(events.room_ended("host"), ENDED)


def _call(number: int, payload: object = None) -> Call:
    return Call(number, "SendChat", payload)


def _busy() -> Line:
    made = Line()
    assert made.take(_call(0)) is Taken.RUN
    return made


def test_calls_come_one_at_a_time_and_in_order() -> None:
    made = _busy()
    assert [made.take(_call(n)) for n in (1, 2)] == [Taken.WAITS, Taken.WAITS]
    following = [made.done(), made.done(), made.done()]
    assert [c.id for c in following[:2] if isinstance(c, Call)] == [1, 2]
    assert following[2] is None
    assert made.under_way is None
    assert made.take(_call(3)) is Taken.RUN


def test_so_many_calls_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "MAX_WAITING_CALLS", 2)
    made = _busy()
    assert [made.take(_call(n)) for n in range(3)] == [Taken.WAITS, Taken.WAITS, Taken.TOO_MANY]
    made.done()
    assert made.take(_call(4)) is Taken.WAITS


def test_and_so_much_text() -> None:
    made = _busy()
    text = "\ud800" * (line.MAX_WAITING_BYTES // 2 - 100)
    assert [made.take(_call(n, {"text": text})) for n in range(3)] == [Taken.WAITS, Taken.WAITS, Taken.TOO_MANY]


def test_a_farewell_waits_for_the_answer_and_drops_what_waits() -> None:
    made = _busy()
    made.take(_call(1))
    assert not made.let_go(FAREWELL)
    assert made.done() == FAREWELL
    assert made.take(_call(2)) is Taken.IGNORED
    assert made.gone(clean=False)


def test_who_has_no_call_under_way_is_let_go_at_once() -> None:
    made = Line()
    assert made.let_go(FAREWELL)
    assert made.take(_call(1)) is Taken.IGNORED


def test_what_a_client_had_sent_is_carried_out_after_it_is_gone() -> None:
    made = _busy()
    made.take(_call(1))
    assert not made.gone(clean=True)
    assert made.take(_call(2)) is Taken.IGNORED
    following = made.done()
    assert isinstance(following, Call)
    assert made.under_way == following
    assert made.done() == Departed(clean=True)
    assert made.gone(clean=True)


def test_a_client_that_is_gone_is_told_nothing() -> None:
    made = _busy()
    made.gone(clean=False)
    assert not made.let_go(FAREWELL)
    assert made.done() == Departed(clean=False)


def test_the_time_to_join_waits_for_the_call_under_way() -> None:
    assert Line().too_late()
    made = _busy()
    made.take(_call(1))
    assert not made.too_late()
    assert isinstance(made.done(), Call)
    assert made.done() == Overdue()


def test_who_has_joined_is_not_too_late() -> None:
    made = _busy()
    made.too_late()
    made.in_time()
    assert made.done() is None
