"""What the bench of media makes of what was counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.media import report
from bench.media.figures import BARS, COURSES, Bar, Counted, Course, Load, Run, found, is_whole, median

COURSE = Course("2×5", rooms=2, people=5, publishers=2, load=Load(30, 4))
COUNTED = Counted(
    seconds=10.0,
    cpuSeconds=2.0,
    sent=1_000,
    delivered=4_000,
    padding=0,
    lost=0,
    repairs=0,
    numbered=4_000,
    overflow=0,
    keys=1,
    sampled=100,
    wrong=0,
    p50=100.0,
    p99=200.0,
    p999=300.0,
)


def run(*, cpu: float = 0.02, **counted: float) -> Run:
    return Run("one", COURSE, COURSE.load, replace(COUNTED, **counted), cpu, 0.0)  # type: ignore[arg-type]


def test_a_cost_is_of_delivered_packets() -> None:
    assert run().cost == pytest.approx(5.0)
    assert run().a_second == pytest.approx(400.0)
    assert run(delivered=0).cost == float("inf")


def test_everyone_else_is_to_get_what_is_sent() -> None:
    assert run().forwarded == pytest.approx(1.0)
    assert run(delivered=3_000).forwarded == pytest.approx(0.75)


def test_padding_is_no_media_and_no_loss() -> None:
    assert run(delivered=900, padding=90, lost=10).loss == pytest.approx(0.01)
    assert run(delivered=0).loss == 1.0


@pytest.mark.parametrize(
    ("counted", "word"), [({"cpuSeconds": 8.1}, "81%"), ({"overflow": 3}, "3 packets"), ({"cpuSeconds": 7.9}, "")]
)
def test_a_generator_that_was_busy_spoils_a_run(counted: dict[str, float], word: str) -> None:
    spoilt = run(cpu=0.02, **counted)
    assert word in spoilt.flaw
    assert bool(spoilt.flaw) == bool(word)
    assert ("thrown away" in report.row(spoilt)) == bool(word)


@pytest.mark.parametrize("counted", [{"lost": 5}, {"p99": 20_001.0}, {"delivered": 3_900}, {"sampled": 0}])
def test_what_is_lost_late_or_withheld_is_over_capacity(counted: dict[str, float]) -> None:
    assert run().is_within
    assert not run(cpu=0.02, **counted).is_within


def test_a_median_is_of_the_runs_that_count() -> None:
    runs = [run(cpu=0.01), run(cpu=0.02), run(cpu=0.03), run(cpu=0.04), run(cpu=0.0, overflow=1)]
    chosen = median(runs)
    assert chosen is not None
    assert chosen.cpu == 0.02
    assert median([run(overflow=1)]) is None


def test_a_capacity_is_the_greatest_load_carried() -> None:
    steps = [run(), run(delivered=4_000, seconds=5.0), run(lost=100)]
    assert report.capacity(steps) == "2×5 one: capacity 800 packets/s"
    assert "at least 800" in report.capacity(steps[:2])
    assert "at least 800" in report.capacity([*steps[:2], run(overflow=1)])
    assert "not even the first step" in report.capacity(steps[2:])


def test_people_who_publish_alone_in_a_room_receive_nothing() -> None:
    assert COURSE.watchers == 10
    assert Course("1→4", 1, 5, 1, Load(30, 4)).watchers == 4


def test_runs_are_whole_if_every_system_has_one_that_counts_in_every_course() -> None:
    other = replace(run(), system="other")
    flawed = replace(run(overflow=1), system="other")
    assert is_whole([run(), flawed, other])
    assert not is_whole([run(), flawed])
    elsewhere = replace(other, course=replace(COURSE, name="3×5"))
    assert not is_whole([run(), flawed, elsewhere])


def of(system: str, course: Course, cpu: float) -> Run:
    return Run(system, course, course.load, COUNTED, cpu, 0.0)


def test_a_bar_is_about_runs_of_its_course_and_spacing() -> None:
    many = next(course for course in COURSES if course.name == "1→256")
    runs = [of("tertulia", many, 0.3), of("floor-gso", many, 0.2), of("floor-gso", many.evenly, 0.1)]
    assert found(Bar("1→256", False, "floor-gso", 1.5), runs) == pytest.approx(1.5)
    assert found(Bar("1→256", True, "floor-gso", 1.5), runs) is None, "Tertulia was not measured so"
    assert found(Bar("25×4", False, "floor-gso", 1.5), runs) is None
    assert {bar.course for bar in BARS} <= {course.name for course in COURSES}


@pytest.mark.parametrize(("cpu", "verdict"), [(0.29, "met"), (0.31, "MISSED")])
def test_a_bar_that_is_missed_is_told(cpu: float, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    many = next(course for course in COURSES if course.name == "1→256")
    assert report.print_bars([of("tertulia", many, cpu), of("floor-gso", many, 0.2)]) == (verdict == "met")
    (line,) = capsys.readouterr().out.split("\n")[1:-1]
    assert line.endswith(f"of floor-gso, at most × 1.50: {verdict}")
