from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tertulia.recorder.film.layout import Layout
from tertulia.recorder.film.scene import HOLD_SECONDS, Turn, bridged, scenes, speaker_turns
from tertulia.recorder.raw.recording import Person, Recording, Source, Span, Speaking, Track


def track(track_id: str, user_id: str, *spans: Span, source: Source = "camera") -> Track:
    return Track(
        id=track_id,
        user_id=user_id,
        name=user_id,
        source=source,
        kind="video",
        codec="VP8",
        channels=0,
        spans=spans,
        read=lambda: iter(()),
    )


def recording(people: dict[str, list[Span]], *tracks: Track, speakers: tuple[Speaking, ...] = ()) -> Recording:
    return Recording(
        id="r",
        room_id="room",
        begins=0.0,
        duration=100.0,
        people=tuple(Person(user_id, user_id.upper(), tuple(spans)) for user_id, spans in people.items()),
        tracks=tracks,
        speakers=speakers,
        trouble=(),
    )


def told(recorded: Recording, layout: Layout = Layout.GRID) -> list[tuple[float, list[tuple[str, str | None]]]]:
    return [(scene.at, [(place.user_id, place.track) for place in scene.places]) for scene in scenes(recorded, layout)]


def test_people_come_and_go_and_switch_their_cameras_on() -> None:
    recorded = recording(
        {"ann": [Span(0, 100)], "bob": [Span(5, 50)]},
        track("t1", "ann", Span(2, 40), Span(60, 100)),
        track("t2", "bob", Span(5, 50)),
    )
    assert told(recorded) == [
        (0.0, [("ann", None)]),
        (2, [("ann", "t1")]),
        (5, [("ann", "t1"), ("bob", "t2")]),
        (40, [("ann", None), ("bob", "t2")]),
        (50, [("ann", None)]),
        (60, [("ann", "t1")]),
    ]


def test_an_empty_recording_has_one_empty_scene() -> None:
    assert told(recording({})) == [(0.0, [])]


def test_names_and_screens_are_told() -> None:
    recorded = recording({"ann": [Span(0, 100)]}, track("s", "ann", Span(10, 20), source="screen"))
    begin, during, after = scenes(recorded, Layout.SCREEN_FIRST)
    assert [(place.name, place.is_screen) for place in begin.places] == [("ANN", False)]
    assert [(place.name, place.track, place.is_screen) for place in during.places] == [
        ("ANN", "s", True),
        ("ANN", None, False),
    ]
    assert (during.at, after.at, after.places) == (10, 20, begin.places)


def test_a_short_absence_is_not_seen() -> None:
    recorded = recording({"ann": [Span(0, 30), Span(31, 100)], "bob": [Span(0, 100)]})
    assert told(recorded) == [(0.0, [("ann", None), ("bob", None)])]
    assert bridged([Span(5, 6), Span(0, 2), Span(3.5, 4)]) == (Span(0, 6),)
    assert bridged([Span(0, 2), Span(4, 5)]) == (Span(0, 2), Span(4, 5))


def test_of_two_cameras_that_which_began_last() -> None:
    recorded = recording({"ann": [Span(0, 100)]}, track("old", "ann", Span(0, 100)), track("new", "ann", Span(10, 20)))
    assert told(recorded) == [(0.0, [("ann", "old")]), (10, [("ann", "new")]), (20, [("ann", "old")])]


def test_who_left_is_not_the_speaker() -> None:
    recorded = recording(
        {"ann": [Span(0, 100)], "bob": [Span(0, 20)]},
        speakers=(Speaking(1, ("ann",)), Speaking(10, ("bob",))),
    )
    assert told(recorded, Layout.SINGLE) == [
        (0.0, [("ann", None)]),
        (10, [("bob", None)]),
        (20, [("ann", None)]),
    ]


def test_how_many_are_not_shown() -> None:
    recorded = recording({f"u{number}": [Span(0, 100)] for number in range(8)})
    assert [scene.hidden for scene in scenes(recorded, Layout.SPEAKER)] == [2]


def test_a_speaker_is_held_for_two_seconds() -> None:
    said = [(0, "a"), (1, "b"), (1.5, "a"), (5, "ba"), (6, "c")]
    turns = speaker_turns([Speaking(at, tuple(users)) for at, users in said])
    assert turns == [Turn(0, "a"), Turn(5, "b"), Turn(7, "c")]


def test_silence_keeps_the_speaker() -> None:
    assert speaker_turns([Speaking(1, ("a",)), Speaking(3, ()), Speaking(9, ("a",))]) == [Turn(1, "a")]
    assert speaker_turns([]) == []


@given(st.lists(st.tuples(st.floats(0, 60), st.lists(st.sampled_from("abcd"), unique=True, max_size=3))))
def test_turns_are_in_order_never_short_and_always_of_who_spoke(said: list[tuple[float, list[str]]]) -> None:
    speakers = [Speaking(at, tuple(users)) for at, users in sorted(said)]
    turns = speaker_turns(speakers)
    for turn, following in itertools.pairwise(turns):
        assert following.at >= turn.at + HOLD_SECONDS
        assert following.user_id != turn.user_id
    for turn in turns:
        spoken = [speaking for speaking in speakers if speaking.at <= turn.at]
        assert turn.user_id in {speaking.user_ids[0] for speaking in spoken if speaking.user_ids}


@given(st.sampled_from(Layout), st.lists(st.tuples(st.floats(0, 90), st.floats(0.1, 50)), max_size=12))
def test_scenes_begin_at_0_are_in_order_and_differ(layout: Layout, stays: list[tuple[float, float]]) -> None:
    people = {f"u{number}": [Span(begin, begin + length)] for number, (begin, length) in enumerate(stays)}
    made = scenes(recording(people), layout)
    assert made[0].at == 0
    for scene, following in itertools.pairwise(made):
        assert scene.at < following.at < 100
        assert scene[1:] != following[1:]
    for scene in made:
        there = {user_id for user_id, (span,) in people.items() if span.begin <= scene.at < span.end}
        seen = {place.user_id for place in scene.places}
        assert seen <= there
        assert len(seen) + scene.hidden == len(there)
