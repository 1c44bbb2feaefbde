"""The core of the recorder: what it does next, given what it hears."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tertulia.db.models import Job, Made
from tertulia.ids import RecordingId, RoomId, SessionId, TenantId
from tertulia.recorder.films import File, Films
from tertulia.recorder.jobs import effects, inputs
from tertulia.recorder.jobs.recorder import LEASE, LOOK, MARGIN, RENEW, STALL, STOP, Recorder
from tertulia.recorder.jobs.retry import ATTEMPTS, LAST_DELAY, Cause, delay_after
from tertulia.recorder.jobs.states import Ended, Idle

FILMS = Films(File("grid.mp4", 0.0, 60.0), ())
STORED = inputs.Stored(Made("recordings/r/1/grid.mp4", 60.0, 1000, "aa"), (), None)


def job(attempts: int = 1, film_faults: int = 0) -> Job:
    return Job(
        id=RecordingId("1"),
        source_id=RecordingId("1"),
        room_id=RoomId("r"),
        session_id=SessionId("s"),
        tenant_id=TenantId("t"),
        layout="grid",
        key_id=None,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        ended_at=None,
        attempts=attempts,
        film_faults=film_faults,
        error=None,
        worker="w",
        lease="l",
        lease_seconds=LEASE,
    )


class Run:
    """A recorder under test, and its clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.recorder = Recorder(Idle(self.now))
        self.last: list[effects.Effect] = []
        self.ticket = 0

    def feed(self, what: inputs.Input) -> list[effects.Effect]:
        self.last = self.recorder.handle(what, self.now)
        for effect in self.last:
            self.ticket = getattr(effect, "ticket", self.ticket)
        return self.last

    def answer(self, outcome: inputs.Outcome) -> list[effects.Effect]:
        return self.feed(inputs.Answer(self.ticket, outcome))

    def tick(self, seconds: float = 0.0) -> list[effects.Effect]:
        self.now += seconds
        return self.feed(inputs.Tick())

    def renewed(self, *, held: bool = True) -> list[effects.Effect]:
        return self.feed(inputs.Renewed(job(), self.now, held))

    def until(self, step: str, attempts: int = 1, film_faults: int = 0) -> list[effects.Effect]:
        """Go on to a step of a job."""
        self.tick()
        self.answer(job(attempts, film_faults))
        for name, outcome in (("gather", inputs.Gathered()), ("film", FILMS), ("store", STORED)):
            if name == step:
                return self.last
            self.answer(outcome)
        return self.last

    def kinds(self) -> list[str]:
        return [type(effect).__name__ for effect in self.last]


@pytest.fixture
def run() -> Run:
    return Run()


def closes(run: Run) -> effects.Close:
    found = [effect for effect in run.last if isinstance(effect, effects.Close)]
    assert len(found) == 1, run.last
    return found[0]


def test_a_job_goes_from_claim_to_clear(run: Run) -> None:
    assert [type(e).__name__ for e in run.tick()] == ["Claim"]
    run.answer(job())
    assert run.kinds() == ["Gather"]
    run.answer(inputs.Gathered())
    assert run.kinds() == ["Renew", "Film"]
    run.answer(FILMS)
    assert run.kinds() == ["Renew", "Store"]
    run.answer(STORED)
    assert closes(run).verdict == effects.Ready(STORED)
    run.answer(inputs.Closed(held=True))
    assert run.kinds() == ["Clear"]
    run.answer(inputs.Cleared())
    assert [type(e).__name__ for e in run.tick()] == ["Claim"]


def test_without_a_job_it_looks_once_a_second(run: Run) -> None:
    run.tick()
    run.answer(None)
    assert run.tick(LOOK / 2) == []
    run.tick(LOOK / 2)
    assert run.kinds() == ["Claim"]
    run.answer(inputs.Fault("the database does not answer", Cause.OUTSIDE))
    assert run.tick() == []
    run.tick(LOOK)
    assert run.kinds() == ["Claim"]


def test_it_renews_its_lease_and_says_how_far_it_is(run: Run) -> None:
    run.until("film")
    run.now += 1
    run.feed(inputs.Progressed(run.ticket, 0.1))
    run.tick(RENEW - 1)
    assert run.last == [effects.Renew(job(), "composing", 0.1, 0.9 * RENEW / 0.1)]
    assert run.tick(RENEW / 2) == []


@pytest.mark.parametrize("step", ["gather", "film", "store", "close"])
def test_a_lease_that_runs_out_ends_the_work_before_another_may_begin(run: Run, step: str) -> None:
    run.until(step)
    claimed = run.now
    effects_seen: list[Any] = []
    while not any(isinstance(e, effects.Abort) for e in effects_seen):
        effects_seen += run.tick(0.5)  # renewals get no answer: the database is away
        assert run.now < claimed + LEASE
    old = run.ticket
    assert run.feed(inputs.Answer(old, FILMS)) == []
    run.tick(LOOK)
    assert run.kinds() == ["Claim"]


def test_a_renewal_counts_from_when_it_was_asked_for(run: Run) -> None:
    run.until("film")
    run.tick(RENEW)
    run.renewed()
    run.tick(LEASE - MARGIN - 0.5)
    assert "Abort" not in run.kinds()
    run.tick(0.5)
    assert "Abort" in run.kinds()


def test_a_lease_that_another_has_ends_the_work_at_once(run: Run) -> None:
    run.until("store")
    run.renewed(held=False)
    assert run.kinds() == ["Abort"]
    assert isinstance(run.recorder.state, Idle)


def test_an_answer_about_an_earlier_job_changes_nothing(run: Run) -> None:
    run.until("film")
    assert run.feed(inputs.Renewed(job(7), run.now, held=False)) == []
    assert run.feed(inputs.Answer(run.ticket - 1, inputs.Gathered())) == []
    assert run.feed(inputs.Progressed(run.ticket - 1, 0.9)) == []
    run.answer(FILMS)
    assert run.kinds() == ["Renew", "Store"]


def test_raw_files_that_are_still_being_written_are_waited_for(run: Run) -> None:
    run.until("gather")
    run.answer(inputs.NotYet(2.0, "a node hangs"))
    assert closes(run).verdict == effects.GivenBack(2.0, "a node hangs")
    run.answer(inputs.Closed(held=True))
    assert run.last == []


def test_nothing_at_all_is_empty_and_is_cleared(run: Run) -> None:
    run.until("film")
    run.answer(inputs.NoMedia())
    assert closes(run).verdict == effects.Empty()
    run.answer(inputs.Closed(held=True))
    assert run.kinds() == ["Clear"]


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("cause", Cause)
def test_a_fault_is_tried_again_as_often_as_its_cause_deserves(cause: Cause, others: int) -> None:
    """However often other things went wrong before."""
    for attempts in range(1, ATTEMPTS[cause] + 1):
        run = Run()
        run.until("film", attempts + others, attempts - 1 if cause is Cause.FILM else others)
        run.answer(inputs.Fault("no", cause))
        last = attempts == ATTEMPTS[cause]
        assert closes(run).verdict == effects.Failed("no", cause, None if last else delay_after(attempts))
        run.answer(inputs.Closed(held=True))
        assert run.last == [], "what is local stays"


def test_the_delays_grow_and_end() -> None:
    delays = [delay_after(n) for n in range(1, 100)]
    assert delays == sorted(delays)
    assert delays[-1] == LAST_DELAY
    assert 10 < sum(delays[: ATTEMPTS[Cause.OUTSIDE] - 1]) / 3600 < 12


def test_a_step_that_hangs_is_ended(run: Run) -> None:
    run.until("film")
    end = run.now + STALL
    run.feed(inputs.Progressed(run.ticket, 0.5))
    while run.now < end:
        run.tick(1.0)
        run.renewed()
        if run.now < end:
            assert "Abort" not in run.kinds()
    run.tick(1.0)
    assert run.kinds() == ["Abort", "Close"]
    verdict = closes(run).verdict
    assert isinstance(verdict, effects.Failed)
    assert "no sign of life for 5 minutes" in verdict.error


def test_what_gets_on_without_a_fraction_does_not_hang(run: Run) -> None:
    run.until("film")
    for _ in range(int(3 * STALL)):
        run.feed(inputs.Alive(run.ticket))
        run.renewed()
        run.tick(1.0)
        assert "Abort" not in run.kinds()
    for _ in range(int(STALL)):
        run.feed(inputs.Alive(run.ticket - 1))
        run.renewed()
        run.tick(1.0)
    assert run.kinds() == ["Abort", "Close"], "an earlier step's sign of life counts for nothing"


def test_the_verdict_is_said_again_until_the_database_answers(run: Run) -> None:
    run.until("close")
    run.answer(inputs.Fault("the database does not answer", Cause.OUTSIDE))
    assert run.tick(LOOK / 2) == []
    run.tick(LOOK / 2)
    assert closes(run).verdict == effects.Ready(STORED)
    run.answer(inputs.Closed(held=True))
    assert run.kinds() == ["Clear"]


def test_a_verdict_that_came_too_late_clears_nothing(run: Run) -> None:
    run.until("close")
    run.answer(inputs.Closed(held=False))
    assert run.last == []
    assert isinstance(run.recorder.state, Idle)


@pytest.mark.parametrize("step", ["gather", "film", "store"])
def test_stopping_gives_the_lease_back(run: Run, step: str) -> None:
    run.until(step)
    run.feed(inputs.Stop())
    assert run.kinds() == ["Abort", "Close"]
    assert closes(run).verdict == effects.GivenBack(0.0)
    run.answer(inputs.Closed(held=True))
    assert run.kinds() == ["Abort", "Exit"]
    assert isinstance(run.recorder.state, Ended)
    assert run.tick(1.0) == run.feed(inputs.Stop()) == []


def test_stopping_while_idle_ends_at_once(run: Run) -> None:
    run.feed(inputs.Stop())
    assert run.kinds() == ["Abort", "Exit"]


def test_stopping_while_it_claims_gives_back_what_it_gets(run: Run) -> None:
    run.tick()
    assert run.feed(inputs.Stop()) == []
    run.answer(job())
    assert closes(run).verdict == effects.GivenBack(0.0)


def test_stopping_lets_a_verdict_be_written(run: Run) -> None:
    run.until("close")
    assert run.feed(inputs.Stop()) == []
    run.answer(inputs.Closed(held=True))
    assert run.kinds() == ["Abort", "Exit"]


@pytest.mark.parametrize("step", ["claim", "gather", "film", "store", "close"])
def test_stopping_never_takes_longer_than_it_may(run: Run, step: str) -> None:
    if step == "claim":
        run.tick()
    else:
        run.until(step)
    began = run.now
    run.feed(inputs.Stop())
    while not isinstance(run.recorder.state, Ended):
        run.tick(0.5)
        if run.last and isinstance(run.last[-1], effects.Close):
            run.answer(inputs.Fault("the database does not answer", Cause.OUTSIDE))
    assert run.now <= began + STOP + 0.5
