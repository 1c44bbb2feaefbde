"""Whether SQL answers."""

from __future__ import annotations

from tertulia.hub.answering import AWAY, UNANSWERED, Answering


def test_a_reading_that_nobody_answers_shows_that_it_is_away() -> None:
    sql = Answering()
    assert not sql.is_away(0) and not sql.is_asked()
    sql.begin(0)
    sql.begin(1)
    assert sql.is_asked() and not sql.is_away(UNANSWERED - 0.1)
    assert sql.is_away(UNANSWERED)
    sql.answered(1, 2.5)
    assert not sql.is_away(2.6), "another one was answered meanwhile"
    sql.begin(3)
    assert not sql.is_away(3 + UNANSWERED - 0.1)
    assert sql.is_away(3 + UNANSWERED)


def test_after_a_failure_it_is_away_for_a_while_unless_it_is_only_slow() -> None:
    sql = Answering()
    sql.begin(0)
    sql.failed(0, 5)
    assert not sql.is_asked() and sql.is_away(5 + AWAY - 0.1) and not sql.is_away(5 + AWAY)
    sql.begin(6)
    sql.answered(6, 7)
    assert not sql.is_away(7)
    sql.begin(8)
    sql.begin(9)
    sql.answered(9, 10)
    sql.failed(8, 13)
    assert not sql.is_away(13)
